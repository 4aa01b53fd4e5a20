"""Completion scripts for bash, zsh and fish. All of them ask `hashell _complete`, so all have the same candidates."""

from __future__ import annotations

SHELLS = ("bash", "zsh", "fish")
_HEAD = "# Completion of hashell for {shell}, printed by `hashell completion {shell}`.\n"

_BASH = """
_hashell() {
    local IFS=$'\\n' current="${COMP_WORDS[COMP_CWORD]}" line="${COMP_LINE:0:COMP_POINT}" word
    COMPREPLY=()
    for word in $(hashell _complete "$line" 2>/dev/null); do
        COMPREPLY+=("${word%%$'\\t'*}")
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
"""

_ZSH = """
_hashell() {
    local -a entries
    local line
    for line in "${(@f)$(hashell _complete "$BUFFER[1,CURSOR]" 2>/dev/null)}"; do
        [[ -n "$line" ]] && entries+=("${${line%%$'\\t'*}//:/\\\\:}:${line#*$'\\t'}")
    done
    if (( ${#entries} )); then
        _describe hashell entries -S ''
    else
        _files
    fi
}

compdef _hashell hashell
"""

_FISH = """
complete -c hashell -f -a '(hashell _complete (commandline -cp) 2>/dev/null)'
"""


def completion_script(shell: str) -> str:
    """The script of one of SHELLS."""
    head = _HEAD.format(shell=shell)
    return {"bash": head + _BASH, "zsh": "#compdef hashell\n" + head + _ZSH, "fish": head + _FISH}[shell]
