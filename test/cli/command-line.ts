// The command line as a process that stays (cli-process.ts): many lines cost one start.

import { fork } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { unfollowed } from '../../bench/lab/children.ts'
import type { Ran } from './run-cli.ts'

export class CommandLine {
  readonly #child
  #last: Promise<unknown> = Promise.resolve()

  /** @param env more than PATH and HOME */
  constructor(env: Readonly<Record<string, string>> = {}) {
    const { PATH = '', HOME = '', NODE_COMPILE_CACHE = '' } = process.env
    const { file, args } = unfollowed([process.execPath])
    this.#child = fork(fileURLToPath(new URL('./cli-process.ts', import.meta.url)), [], {
      env: { PATH, HOME, NODE_COMPILE_CACHE, ...env },
      execPath: file,
      execArgv: args,
    })
  }

  run(line: string): Promise<Ran> {
    const ran = this.#last.then(async () => {
      const said = Promise.withResolvers<Ran>()
      const died = (): void => said.reject(new Error(`the command line died of: ${line}`))
      this.#child.once('message', (message) => said.resolve(message as Ran))
      this.#child.once('exit', died)
      this.#child.send(line)
      return said.promise.finally(() => this.#child.off('exit', died))
    })
    this.#last = ran.catch(() => undefined) // the caller is told
    return ran
  }

  end(): void {
    this.#child.kill()
  }
}
