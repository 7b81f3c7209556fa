# bash completion of gorun. gorun itself knows the words; what it prints is never evaluated.
_gorun() {
    local line strip='' head=${COMP_LINE:0:COMP_POINT}
    local -a words
    IFS=$' \t\n' read -r -a words <<< "$head"
    [[ $head == *[[:space:]] ]] && words+=('')
    # bash cuts a word at = and :, and wants what follows the last of them.
    line=${words[-1]}
    [[ $line == *[=:]* ]] && strip=${line%"${line##*[=:]}"}
    COMPREPLY=()
    while IFS=$'\t' read -r line _; do
        COMPREPLY+=("${line#"$strip"}")
    done < <(gorun complete -- "${words[@]:1}" 2>/dev/null)
    [[ ${#COMPREPLY[@]} -eq 1 && ${COMPREPLY[0]} == *= ]] && compopt -o nospace
    return 0
}
complete -o default -F _gorun gorun
