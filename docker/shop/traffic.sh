#!/bin/bash
# Visitors of the shop, through Larder: many look at products, some rate one. Where to is said by libpq's variables.
#   RATE   pages a second (default 100)        FOR_SECONDS   default: a day
set -euo pipefail
folder=$(dirname "$0")
exec pgbench -n -M prepared -c 4 -j 1 -R "${RATE:-100}" -T "${FOR_SECONDS:-86400}" -f "$folder/browse.sql@19" -f "$folder/rate.sql@1"
