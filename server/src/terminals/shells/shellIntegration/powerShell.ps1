# PowerShell (5.1 and later) runs this after the person's own profile. It wraps the prompt and the reading of a line, to
# tell the terminal where each command begins and ends. What it prints ends in a secret that is known to this shell only:
# it is never part of the environment.

$__adaFile = $env:AI_DEV_ASSISTANT_MARK_FILE
Remove-Item -ErrorAction Ignore -LiteralPath Env:AI_DEV_ASSISTANT_MARK_FILE
# A constrained language has none of the calls below; such a shell stays as it is.
if ($__adaFile -and $ExecutionContext.SessionState.LanguageMode -eq 'FullLanguage' -and (Test-Path -LiteralPath $__adaFile)) {
    $Global:__Ada = @{
        Secret     = [IO.File]::ReadAllText($__adaFile).Trim()
        Prompt     = $Function:prompt
        ReadLine   = $null
        IsRunning  = $false
    }
    [IO.File]::Delete($__adaFile)

    # A mark.
    function Global:__Ada-Mark([string] $Body) {
        return "$([char] 27)]633;$Body;$($Global:__Ada.Secret)$([char] 7)"
    }

    # At most 1,900 characters in which nothing can end or split a sequence. Escaped characters are four bytes long, as is
    # the longest character, so that the host's limit of 8 KiB is never met.
    function Global:__Ada-Escape([string] $Text) {
        if ($Text.Length -gt 1900) { $Text = $Text.Substring(0, 1899) + [char] 0x2026 }
        return [regex]::Replace($Text, '[\x00-\x1f\x7f-\x9f;\\]', { param($Match) '\x{0:x2}' -f [int] $Match.Value[0] })
    }

    # Printed before the prompt that follows a command: its end, where we are, and the prompt's ends.
    function Global:prompt {
        $WasSuccess = $?
        $ExitCode = $Global:LASTEXITCODE
        # What follows is written with the prompt, so that everything stays in order.
        $Marks = ''
        if ($Global:__Ada.IsRunning) {
            $Global:__Ada.IsRunning = $false
            # A cmdlet that fails leaves the exit code of an earlier program.
            $Status = if ($WasSuccess) { 0 } elseif ($ExitCode) { $ExitCode } else { 1 }
            $Marks += __Ada-Mark "D;$Status"
        }
        $Folder = if ($PWD.Provider.Name -eq 'FileSystem') { $PWD.ProviderPath } else { '' }
        if ($Folder) { $Marks += __Ada-Mark "P;Cwd=$(__Ada-Escape $Folder)" }
        # These two without the secret: they tell nothing worth forging.
        $Marks += "$([char] 27)]633;A$([char] 7)"
        # The person's prompt sees $? as the command left it.
        if (-not $WasSuccess) { Write-Error 'The command before has failed.' -ErrorAction Ignore }
        $Shown = $Global:__Ada.Prompt.Invoke() -join ''
        $Global:LASTEXITCODE = $ExitCode
        return "$Marks$Shown$([char] 27)]633;B$([char] 7)"
    }

    if (-not (Test-Path -LiteralPath Function:PSConsoleHostReadLine)) {
        Import-Module -ErrorAction Ignore PSReadLine
    }
    if (Test-Path -LiteralPath Function:PSConsoleHostReadLine) {
        $Global:__Ada.ReadLine = $Function:PSConsoleHostReadLine
        function Global:PSConsoleHostReadLine {
            $Line = $Global:__Ada.ReadLine.Invoke() -join "`n"
            if ($Line.Trim()) {
                $Global:__Ada.IsRunning = $true
                [Console]::Write((__Ada-Mark "E;$(__Ada-Escape $Line)") + (__Ada-Mark 'C'))
            }
            return $Line
        }
    }
}
Remove-Variable -ErrorAction Ignore __adaFile
