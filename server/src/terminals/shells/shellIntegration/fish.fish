# Fish runs this after the person's own configuration (--init-command). It adds event handlers that tell the terminal
# where each command begins and ends. What they print ends in a secret that is known to this shell only: a variable that
# is never exported.

set -g --unexport __ada_secret ''
if test -r "$AI_DEV_ASSISTANT_MARK_FILE"
    builtin read -g --unexport __ada_secret <$AI_DEV_ASSISTANT_MARK_FILE
    command rm -f -- $AI_DEV_ASSISTANT_MARK_FILE
end
set -e AI_DEV_ASSISTANT_MARK_FILE

# Prints a mark.
function __ada_send
    builtin printf '\e]633;%s;%s\a' "$argv[1]" "$__ada_secret"
end

# Prints at most 1,900 characters of its argument in which nothing can end or split a sequence. Escaped characters are
# four bytes long, as is the longest character, so that the host's limit of 8 KiB is never met.
function __ada_escape
    set -l text "$argv[1]"
    if test (builtin string length -- $text) -gt 1900
        set text (builtin string sub --length 1899 -- $text | builtin string collect)…
    end
    # Line by line, because fish takes the output of a command apart at its newlines.
    set -l lines (builtin string split -- \n $text | builtin string replace --all -- '\\' '\\x5c')
    set text (builtin string replace --all -- ';' '\\x3b' $lines | builtin string join -- '\\x0a')
    if builtin string match --quiet --regex -- '[\x01-\x1f\x7f-\x{9f}]' $text
        set -l escaped
        for character in (builtin string split -- '' $text)
            if builtin string match --quiet --regex -- '[\x01-\x1f\x7f-\x{9f}]' $character
                set character (builtin printf '\\\\x%02x' "'$character")
            end
            set --append escaped $character
        end
        set text (builtin string join -- '' $escaped)
    end
    builtin printf %s $text
end

function __ada_preexec --on-event fish_preexec
    __ada_send "E;"(__ada_escape "$argv[1]")
    __ada_send C
end

# Fish gives $status back to the prompt by itself.
function __ada_postexec --on-event fish_postexec
    __ada_send "D;$status"
end

# The prompt's end is told with its start: what stands behind a fish prompt cannot be changed without taking the place of
# a function that the person may want to save.
function __ada_prompt --on-event fish_prompt
    __ada_send "P;Cwd="(__ada_escape "$PWD")
    builtin printf '\e]633;A\a\e]633;B\a'
end

if not status is-interactive; or test -z "$__ada_secret"
    functions --erase __ada_preexec __ada_postexec __ada_prompt
end
