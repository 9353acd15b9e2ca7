# bash completion of larder(1). Needs nothing but bash: keys and values are asked of the program itself.

# The keys of larder.toml with an equals sign, as "cache.bytes_max=".
_larder_keys() {
    env -i "$1" --print-config 2>/dev/null | while IFS= read -r line; do
        case $line in
            "["*) section=${line#"["} section=${section%"]"} ;;
            "#"*) ;;
            *" = "*) printf '%s.%s=\n' "$section" "${line%% = *}" ;;
        esac
    done
}

_larder() {
    local current=${COMP_WORDS[COMP_CWORD]} previous=${COMP_WORDS[COMP_CWORD - 1]} words
    COMPREPLY=()
    case $previous in
        --config)
            mapfile -t COMPREPLY < <(compgen -f -- "$current")
            compopt -o filenames 2>/dev/null
            return
            ;;
        --listen | --admin | --upstream | --budget | --console | --through | --entries | --times) return ;;
        --set)
            compopt -o nospace 2>/dev/null
            words=$(_larder_keys "${COMP_WORDS[0]}")
            ;;
        *)
            if [[ ${COMP_WORDS[1]-} == import && $COMP_CWORD -gt 1 ]]; then
                mapfile -t COMPREPLY < <(compgen -f -- "$current")
                compopt -o filenames 2>/dev/null
                return
            elif [[ ${COMP_WORDS[1]-} == verify && $COMP_CWORD -gt 1 ]]; then
                words="--console --entries --upstream --through --times --json --help"
            elif [[ ${COMP_WORDS[1]-} == advise && $COMP_CWORD -gt 1 ]]; then
                words="--analyze --workload --budget --json --deploy --upstream --help"
            else
                words="--config --listen --upstream --admin --set --check --print-config --version --help"
                if ((COMP_CWORD == 1)); then words+=" advise verify import"; fi
            fi
            ;;
    esac
    mapfile -t COMPREPLY < <(compgen -W "$words" -- "$current")
}
complete -F _larder larder
