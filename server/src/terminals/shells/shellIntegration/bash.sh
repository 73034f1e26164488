# Bash reads this in place of ~/.bashrc (--init-file). It reads the person's own files as bash would have done, and then
# adds hooks that tell the terminal where each command begins and ends. What it prints ends in a secret that is known to
# this shell only: a variable that is never exported, so that no program run here can print the same.

# Options of `set -a` would export what is defined here.
case $- in *a*) __ada_allexport=-a ;; *) __ada_allexport= ;; esac
builtin set +a
__ada_secret= __ada_login=${AI_DEV_ASSISTANT_LOGIN-}
if [[ -r ${AI_DEV_ASSISTANT_MARK_FILE-} ]]; then
  IFS= builtin read -r __ada_secret <"$AI_DEV_ASSISTANT_MARK_FILE" || :
  command rm -f -- "$AI_DEV_ASSISTANT_MARK_FILE"
fi
builtin unset AI_DEV_ASSISTANT_MARK_FILE AI_DEV_ASSISTANT_LOGIN

# Before 4.4 there is no PS0, and a DEBUG trap takes its place.
__ada_has_ps0=0
if ((BASH_VERSINFO[0] > 4 || (BASH_VERSINFO[0] == 4 && BASH_VERSINFO[1] >= 4))); then __ada_has_ps0=1; fi
# The command number, known without a process: it grows with each command that is run, and with nothing else.
__ada_number_format='\#' __ada_number=
__ada_ran=0 __ada_before= __ada_can_ps0= __ada_arm= __ada_seen= __ada_theirs= __ada_parts= __ada_underscore=
__ada_first_of_last= __ada_entry= __ada_escaped=

# Code that is evaluated from PROMPT_COMMAND and from the trap, since bash gives a function traps of its own. The trap is
# set by the very last command before the prompt: the next one is the person's.
__ada_first=__ada_command_ended
__ada_last='__ada_prompt_comes "$(\builtin trap -p DEBUG)"; \builtin eval "$__ada_arm"'
# The last argument becomes $_ again, which the trap would have changed.
__ada_shot='__ada_underscore=$_; \builtin trap - DEBUG; __ada_first_command "$BASH_COMMAND" "$__ada_underscore"'
# Gives the trap back to the person, whose code has missed the command it is called for.
__ada_shared_shot='\builtin eval "$__ada_theirs"; __ada_first_command "$BASH_COMMAND"; \builtin eval "${__ada_parts[2]}"'

# The functions are defined before the person's files are read, so that no alias of theirs gets into them.

# Prints a mark. Prompts go to standard error, and so do marks, in order with them.
__ada_send() {
  builtin printf '\e]633;%s;%s\a' "$1" "$__ada_secret" >&2
}

# Sets __ada_escaped to at most 1,900 characters of $1 in which nothing can end or split a sequence. Escaped characters
# are four bytes long, as is the longest character, so that the host's limit of 8 KiB is never met.
__ada_escape() {
  builtin local rest="$1" plain code
  __ada_escaped=
  if ((${#rest} > 1900)); then rest=${rest:0:1899}…; fi
  while [[ -n $rest ]]; do
    plain=${rest%%[\\\;[:cntrl:]]*}
    __ada_escaped+=$plain
    rest=${rest:${#plain}}
    [[ -n $rest ]] || builtin break
    builtin printf -v code %d "'$rest"
    if ((code < 256)); then builtin printf -v code '\\x%02x' "$code"; else code=${rest:0:1}; fi
    __ada_escaped+=$code
    rest=${rest:1}
  done
}

# The last entry of the history with its number, whatever the person's time format.
__ada_history() {
  HISTTIMEFORMAT='' builtin history 1 2>/dev/null
}

# Takes the number off such an entry.
__ada_entry_text() {
  builtin local text="${1#"${1%%[0-9]*}"}"
  text=${text#"${text%%[!0-9]*}"}
  __ada_entry=${text:2}
}

# At the head of PROMPT_COMMAND, where $? is still that of the command.
__ada_command_ended() {
  builtin local status="$?"
  { if ((__ada_has_ps0)); then builtin local -; builtin set +aeux; fi; } 2>/dev/null
  if ((__ada_has_ps0)); then
    builtin local number="${__ada_number_format@P}"
    if [[ $number != "${__ada_number:-$number}" ]]; then __ada_ran=1; fi
    __ada_number=$number
  fi
  if ((__ada_ran)); then
    if [[ $__ada_can_ps0 && $__ada_arm ]]; then __ada_tell_repetition; fi
    __ada_send "D;$status"
  fi
  __ada_ran=0
  builtin return "$status"
}

# A command that is not in the history and that no trap has seen, as those in parentheses: the one before, once more.
__ada_tell_repetition() {
  builtin local now=
  now=$(__ada_history)
  if [[ $now != "$__ada_before" || $__ada_seen ]]; then builtin return; fi
  __ada_entry_text "$now"
  __ada_escape "$__ada_entry"
  __ada_send "E;$__ada_escaped"
}

# At the end of PROMPT_COMMAND, right before the prompt. $1 is the person's DEBUG trap, as the command that sets it.
__ada_prompt_comes() {
  { if ((__ada_has_ps0)); then builtin local -; builtin set +aeux; fi; } 2>/dev/null
  __ada_before=$(__ada_history)
  builtin local folder="$PWD"
  case ${OSTYPE-} in msys* | cygwin*) folder=$(\builtin pwd -W 2>/dev/null) || folder=$PWD ;; esac
  __ada_escape "$folder"
  __ada_send "P;Cwd=$__ada_escaped"
  # These two without the secret: a prompt is drawn anew at each change of the size, and tells nothing worth forging.
  builtin printf '\e]633;A\a' >&2
  if [[ ${PS1-} != *'\[\e]633;B\a\]' ]]; then PS1=${PS1-}'\[\e]633;B\a\]'; fi
  __ada_watch "$1"
}

# Chooses how the next command is noticed: by PS0 where it can run something, else by a DEBUG trap. PS0 finds the command
# line in the history; where that may leave it out, a trap of one shot helps, unless the person has one.
__ada_watch() {
  __ada_theirs=$1 __ada_arm= __ada_can_ps0= __ada_seen=
  builtin local may_miss=
  case ${HISTCONTROL-} in *ignorespace* | *ignoreboth*) may_miss=1 ;; esac
  if [[ ${HISTIGNORE-} || ! -o history ]]; then may_miss=1; fi
  if ((__ada_has_ps0)) && builtin shopt -q promptvars; then
    __ada_can_ps0=1
    if [[ ${PS0-} != *'${__ada_secret:+$(__ada_before_command)}' ]]; then
      PS0=${PS0-}'${__ada_secret:+$(__ada_before_command)}'
    fi
    if [[ ! $may_miss || $__ada_theirs ]]; then builtin return; fi
  fi
  if [[ $__ada_theirs ]]; then
    builtin eval "__ada_parts=($__ada_theirs)"
    __ada_arm='\builtin trap "$__ada_shared_shot" DEBUG'
  else
    __ada_arm='\builtin trap "$__ada_shot" DEBUG'
  fi
}

# Printed by PS0, from a process of its own: the command line, if it went into the history, and that it runs.
__ada_before_command() {
  { builtin set +eux; } 2>/dev/null
  builtin local now=
  now=$(__ada_history)
  if [[ $now != "$__ada_before" || ! $__ada_arm ]]; then
    __ada_entry_text "$now"
    __ada_escape "$__ada_entry"
    __ada_send "E;$__ada_escaped" 2>&1
  fi
  __ada_send C 2>&1
}

# From the DEBUG trap, with the first simple command ($1) of a command line; once between two prompts.
__ada_first_command() {
  { if ((__ada_has_ps0)); then builtin local -; builtin set +aeux; fi; } 2>/dev/null
  # Nothing was run, and this is the head of PROMPT_COMMAND.
  case $1 in *'${__ada_first:-'*) builtin return ;; esac
  __ada_seen=1
  builtin local now= line="$1"
  now=$(__ada_history)
  if [[ $now != "$__ada_before" ]]; then
    __ada_first_of_last=$1
    if [[ $__ada_can_ps0 ]]; then builtin return; fi
    __ada_entry_text "$now"
    line=$__ada_entry
  elif [[ $1 == "$__ada_first_of_last" ]]; then
    # The same as before, which the person keeps once.
    __ada_entry_text "$now"
    line=$__ada_entry
  fi
  __ada_escape "$line"
  __ada_send "E;$__ada_escaped"
  if [[ ! $__ada_can_ps0 ]]; then
    __ada_ran=1
    __ada_send C
  fi
}

# Whether the person (or who set up this machine) has forbidden to change the variable $1.
__ada_is_readonly() {
  builtin local flags
  flags=$(\builtin declare -p "$1" 2>/dev/null)
  flags=${flags#declare -}
  [[ ${flags%% *} == *r* ]]
}

# Puts the hooks around the person's own, $1 being their DEBUG trap. A nested shell that inherits an exported
# PROMPT_COMMAND has none of our functions, and there the hooks only keep $?.
__ada_install() {
  { if ((__ada_has_ps0)); then builtin local -; builtin set +aeux; fi; } 2>/dev/null
  builtin local name
  builtin local before='\builtin eval "${__ada_first:-(exit $?)}"' after='\builtin eval "${__ada_last:-(exit $?)}"'
  for name in PROMPT_COMMAND PS0 PS1; do
    if __ada_is_readonly "$name"; then builtin return; fi
  done
  # Their trap sees what stands here as commands, and may make a title of the last one: let that be theirs.
  if [[ $1 && $__ada_has_ps0 == 1 ]] && builtin shopt -q promptvars; then before+=$'\n'$after after=; fi
  if [[ $(\builtin declare -p PROMPT_COMMAND 2>/dev/null) == 'declare -a'* ]] &&
    ((BASH_VERSINFO[0] > 5 || (BASH_VERSINFO[0] == 5 && BASH_VERSINFO[1] >= 1))); then
    PROMPT_COMMAND=("$before" "${PROMPT_COMMAND[@]}" ${after:+"$after"})
  else
    PROMPT_COMMAND=$before$'\n'${PROMPT_COMMAND-}${after:+$'\n'$after}
  fi
}

if [[ $__ada_allexport ]]; then builtin set -a; fi
builtin unset __ada_allexport

if [[ $__ada_login ]]; then
  builtin unset __ada_login
  if [[ -r /etc/profile ]]; then . /etc/profile; fi
  if [[ -r ~/.bash_profile ]]; then
    . ~/.bash_profile
  elif [[ -r ~/.bash_login ]]; then
    . ~/.bash_login
  elif [[ -r ~/.profile ]]; then
    . ~/.profile
  fi
else
  builtin unset __ada_login
  if [[ -r ~/.bashrc ]]; then . ~/.bashrc; fi
fi

if [[ $__ada_secret ]]; then \__ada_install "$(\builtin trap -p DEBUG)"; fi
