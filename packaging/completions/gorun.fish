# fish completion of gorun. gorun itself knows the words; where it knows none, fish offers files.
function __gorun_words
    set -l before (commandline -opc)
    gorun complete -- $before[2..] (commandline -ct) 2>/dev/null
end
complete -c gorun -f -n '__gorun_words | string length -q' -a '(__gorun_words)'
