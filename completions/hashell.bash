# Completion of hashell for bash, printed by `hashell completion bash`.

_hashell() {
    local IFS=$'\n' current="${COMP_WORDS[COMP_CWORD]}" line="${COMP_LINE:0:COMP_POINT}" word
    COMPREPLY=()
    for word in $(hashell _complete "$line" 2>/dev/null); do
        COMPREPLY+=("${word%%$'\t'*}")
    done
    # bash splits words at : and =, and takes only what follows the last of them.
    word="${line##*[[:space:]]}"
    if [[ "$word" == *[:=]* && "$COMP_WORDBREAKS" == *[:=]* ]]; then
        COMPREPLY=("${COMPREPLY[@]#"${word%"${word##*[:=]}"}"}")
    fi
    [[ ${#COMPREPLY[@]} -eq 1 && "${COMPREPLY[0]}" == *[=:/] ]] && compopt -o nospace 2>/dev/null
    return 0
}

complete -o default -F _hashell hashell
