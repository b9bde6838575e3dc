# zsh zsh_complete.zsh FOLDER LINE...: prints what each LINE becomes when Tab is pressed behind it,
# with the completions of FOLDER.
zmodload zsh/zpty zsh/datetime
result=$(mktemp) && rm $result
zpty z "TERM=dumb zsh -f -i"
zpty -w z "fpath=($1 \$fpath); autoload -Uz compinit; compinit -u -D; bindkey '^I' complete-word"
zpty -w z "show() { print -r -- \"\$BUFFER\" >$result.part; mv $result.part $result; BUFFER= }"
zpty -w z "zle -N show; bindkey '^X' show; print -r -- REA''DY"
zpty -r -m z out '*READY*'
for line in "${@:2}"; do
  zpty -w -n z "$line"$'\t'$'\x18'
  start=$EPOCHREALTIME
  until [[ -e $result ]] || (( EPOCHREALTIME - start > 20 )); do zpty -r -t z out || sleep 0.02; done
  cat $result
  rm -f $result
done
zpty -d z
