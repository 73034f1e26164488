# Zsh finds this through ZDOTDIR, which is handed back at once: the person's own .zshenv is read from here, and all their
# other files by zsh itself. Then hooks are added that tell the terminal where each command begins and ends. What they
# print ends in a secret that is known to this shell only: a parameter that is never exported.

if (( ${+AI_DEV_ASSISTANT_ZDOTDIR} )); then
  export ZDOTDIR=$AI_DEV_ASSISTANT_ZDOTDIR
else
  unset ZDOTDIR
fi
typeset -g +x __ada_secret= __ada_escaped= __ada_is_running=
typeset -ga __ada_eol_mark
if [[ -r ${AI_DEV_ASSISTANT_MARK_FILE-} ]]; then
  IFS= builtin read -r __ada_secret <$AI_DEV_ASSISTANT_MARK_FILE
  command rm -f -- $AI_DEV_ASSISTANT_MARK_FILE
fi
unset AI_DEV_ASSISTANT_ZDOTDIR AI_DEV_ASSISTANT_MARK_FILE

# The functions are defined before the person's files are read, so that no alias of theirs gets into them.

# Prints a mark to the terminal itself, wherever the person has sent the shell's output.
__ada_send() {
  builtin print -nr -- $'\e]633;'$1';'$__ada_secret$'\a' >$TTY
}

# Sets __ada_escaped to at most 1,900 characters of $1 in which nothing can end or split a sequence. Escaped characters
# are four bytes long, as is the longest character, so that the host's limit of 8 KiB is never met.
__ada_escape() {
  builtin local rest=$1 plain code
  __ada_escaped=
  if (( ${#rest} > 1900 )); then rest=${rest[1,1899]}…; fi
  while [[ -n $rest ]]; do
    plain=${rest%%[\\\;[:cntrl:]]*}
    __ada_escaped+=$plain
    rest=${rest:${#plain}}
    [[ -n $rest ]] || break
    code=${rest[1]}
    if (( #code < 256 )); then builtin printf -v code '\\x%02x' $(( #code )); fi
    __ada_escaped+=$code
    rest=${rest:1}
  done
}

__ada_preexec() {
  builtin emulate -L zsh
  builtin setopt no_xtrace no_err_return
  # The first is what was typed; it is empty where there is no history.
  __ada_escape ${1:-$3}
  __ada_send "E;$__ada_escaped"
  __ada_send C
  __ada_is_running=1
  # Zsh marks the end of an unfinished line before any hook runs. To tell the command's end before that, what tells it
  # stands in front of the mark; %? is the exit code.
  __ada_eol_mark=("${PROMPT_EOL_MARK+set}" "${PROMPT_EOL_MARK-}")
  PROMPT_EOL_MARK=$'%{\e]633;D;%?;'$__ada_secret$'\a%}'${PROMPT_EOL_MARK-%B%S%#%s%b}
}

# The first of the hooks before a prompt, where $? is that of the command. Zsh gives it to the next ones by itself.
__ada_command_ended() {
  builtin local command_status=$?
  builtin emulate -L zsh
  builtin setopt no_xtrace no_err_return
  [[ -n ${__ada_is_running-} ]] || return
  __ada_is_running=
  # Told again for where no such mark is printed. The first one counts.
  __ada_send "D;$command_status"
  if [[ -n $__ada_eol_mark[1] ]]; then PROMPT_EOL_MARK=$__ada_eol_mark[2]; else unset PROMPT_EOL_MARK; fi
}

# The last of the hooks before a prompt.
__ada_prompt_comes() {
  # Without the secret: a prompt is drawn anew at each change of the size, and says nothing that could be forged.
  if [[ -o promptpercent && $PS1 != *$'%{\e]633;B\a%}' ]]; then PS1+=$'%{\e]633;B\a%}'; fi
  builtin emulate -L zsh
  builtin setopt no_xtrace no_err_return
  __ada_escape $PWD
  __ada_send "P;Cwd=$__ada_escaped"
  builtin print -n '\e]633;A\a' >$TTY
  if [[ $precmd_functions[-1] != __ada_prompt_comes ]]; then
    precmd_functions=(${precmd_functions:#__ada_prompt_comes} __ada_prompt_comes)
  fi
}

if [[ -r ${ZDOTDIR:-$HOME}/.zshenv ]]; then
  . ${ZDOTDIR:-$HOME}/.zshenv
fi

if [[ -o interactive && -n $__ada_secret ]]; then
  typeset -ga precmd_functions preexec_functions
  precmd_functions=(__ada_command_ended $precmd_functions __ada_prompt_comes)
  preexec_functions+=(__ada_preexec)
fi
