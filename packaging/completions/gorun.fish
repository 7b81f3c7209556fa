# fish completion of gorun. gorun itself knows the words.
complete -c gorun -a '(set -l before (commandline -opc); gorun complete -- $before[2..] (commandline -ct) 2>/dev/null)'
