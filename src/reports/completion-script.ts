/** Shells that complete the command line of vgm. */
export const shells = ['bash', 'zsh', 'fish'] as const
export type Shell = (typeof shells)[number]

/** What a shell reads to complete commands, flags and data sets: it calls `vgm complete`. */
export const completionScripts: Readonly<Record<Shell, string>> = {
  bash: `# Load it with: source <(vgm completion bash)
_vgm() {
  local IFS=$'\\n'
  COMPREPLY=($(vgm complete -- "\${COMP_WORDS[@]:1:COMP_CWORD}" 2>/dev/null | cut -f 1))
}
complete -o default -F _vgm vgm
`,
  zsh: `#compdef vgm
# Load it with: source <(vgm completion zsh)
_vgm() {
  local -a found
  found=("\${(@f)$(vgm complete -- "\${(@)words[2,CURRENT]}" 2>/dev/null)}")
  if [[ -n \${found[1]} ]]; then
    found=("\${(@)\${(@)found//:/\\\\:}/$'\\t'/:}")
    _describe vgm found
  else
    _files
  fi
}
(( $+functions[compdef] )) || { autoload -U compinit && compinit }
compdef _vgm vgm
`,
  fish: `# Load it with: vgm completion fish | source
function __vgm
    set -l found (vgm complete -- (commandline -opc)[2..] (commandline -ct) 2>/dev/null)
    if test (count $found) -gt 0
        printf '%s\\n' $found
    else
        __fish_complete_path (commandline -ct)
    end
end
complete -c vgm -f -a '(__vgm)'
`,
}
