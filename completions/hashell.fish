# Completion of hashell for fish, printed by `hashell completion fish`.

complete -c hashell -f -a '(hashell _complete (commandline -cp) 2>/dev/null)'
