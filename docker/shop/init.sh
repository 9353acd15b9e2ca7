#!/bin/bash
# In the image of PostgreSQL this runs once, when the cluster is made: Larder's own login, and the sample shop.
#   LARDER_PASSWORD   of the role larder        SHOP_SCALE   1: 1.5 million rows, about a minute (default 0.1)
set -euo pipefail
shop=${SHOP_FOLDER:-/examples/shop}
export PGUSER=${PGUSER:-$POSTGRES_USER} PGOPTIONS="-c client_min_messages=warning"
# The password goes through a variable of psql, and is quoted by it.
psql -X -q -v ON_ERROR_STOP=1 -d postgres -v password="$LARDER_PASSWORD" <<'SQL'
CREATE ROLE larder LOGIN PASSWORD :'password' IN ROLE pg_monitor;
CREATE DATABASE shop;
SQL
psql -X -q -1 -v ON_ERROR_STOP=1 -v scale="${SHOP_SCALE:-0.1}" -d shop -f "$shop/schema.sql" -f "$shop/data.sql"
