// `vertex completion SHELL`: a script that completes verbs and flags. It is made of the same
// command definitions that parse the command line, so it cannot fall behind them.

import { EXIT, fail, failure } from './exit.ts'

export interface Word {
  readonly verb: string
  readonly about: string
  readonly flags: readonly string[]
}

function bash(words: readonly Word[]): string {
  const cases = words.map(({ verb, flags }) => `    ${verb}) words="${flags.join(' ')}" ;;`)
  return `_vertex() {
  local words
  case "\${COMP_WORDS[1]}" in
${cases.join('\n')}
  esac
  if [ "$COMP_CWORD" -eq 1 ]; then words="${words.map(({ verb }) => verb).join(' ')}"; fi
  COMPREPLY=($(compgen -W "$words" -- "\${COMP_WORDS[COMP_CWORD]}"))
}
complete -o default -F _vertex vertex
`
}

function zsh(words: readonly Word[]): string {
  const quoted = (text: string): string => text.replaceAll("'", '’').replaceAll(':', '\\:')
  const verbs = words.map(({ verb, about }) => `    '${verb}:${quoted(about)}'`)
  const cases = words.map(({ verb, flags }) => `    ${verb}) compadd -- ${flags.join(' ')} ;;`)
  return `#compdef vertex
_vertex() {
  local -a verbs=(
${verbs.join('\n')}
  )
  if (( CURRENT == 2 )); then _describe verb verbs; return; fi
  case "$words[2]" in
${cases.join('\n')}
  esac
  _files
}
compdef _vertex vertex
`
}

function fish(words: readonly Word[]): string {
  const lines = words.flatMap(({ verb, about, flags }) => [
    `complete -c vertex -f -n __fish_use_subcommand -a ${verb} -d '${about.replaceAll("'", '’')}'`,
    ...flags
      .filter((flag) => flag.startsWith('--'))
      .map(
        (flag) => `complete -c vertex -n '__fish_seen_subcommand_from ${verb}' -l ${flag.slice(2)}`,
      ),
  ])
  return `${lines.join('\n')}\n`
}

const SHELLS: Readonly<Record<string, (words: readonly Word[]) => string>> = { bash, zsh, fish }

export function completion(shell: string, words: readonly Word[]): number {
  const script = SHELLS[shell]
  if (script === undefined) {
    const line = `Cannot complete for this shell as only ${Object.keys(SHELLS).join(', ')} are known: current value is ${shell}`
    return fail(failure(EXIT.usage, line))
  }
  process.stdout.write(script(words))
  return EXIT.done
}
