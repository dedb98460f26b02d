// A gate that is a program: it is told of the candidate by its environment, and its exit code is
// the answer. It runs in a process group of its own, so that its end is the end of all that it has
// started. Of what it prints the last lines are kept.

import { type ChildProcess, spawn } from 'node:child_process'
import type { Gate } from '../../core/gate.ts'
import { failure, type Finding, type GateTask } from './gate-task.ts'

const KEPT_BYTES = 4096
const LONGEST_LINE = 200
/** So long a program may take to end after it was asked to. */
const KILL_AFTER_MS = 2000

/** The end of what a program prints. */
class Tail {
  #text = ''

  add(chunk: Buffer): void {
    this.#text = (this.#text + chunk.toString('utf8')).slice(-KEPT_BYTES)
  }

  get text(): string {
    return this.#text
  }

  get lastLine(): string {
    const lines = this.#text.split('\n').filter((line) => line.trim() !== '')
    return (lines.at(-1) ?? '').trim().slice(0, LONGEST_LINE)
  }
}

function environment({ subject }: GateTask): NodeJS.ProcessEnv {
  const { rollout, service, targets, version, weight } = subject
  // Where the door has Vertex' own modules kept.
  const { NODE_COMPILE_CACHE: _, ...env } = process.env
  return {
    ...env,
    VERTEX_SERVICE: service,
    VERTEX_VERSION: version,
    VERTEX_TARGETS: targets.join(' '),
    VERTEX_ROLLOUT: rollout,
    VERTEX_WEIGHT: String(weight),
  }
}

/** Signals the whole group of a program; what it says then is that nobody is left. */
function signalGroup({ pid }: ChildProcess, signal: NodeJS.Signals): void {
  if (pid === undefined) return
  try {
    process.kill(-pid, signal)
  } catch {
    // ESRCH: it has ended meanwhile, which is what was wanted. EPERM: it has become another user's,
    // who alone can end it; the gate is over all the same.
  }
}

/** Ends the whole group: first politely, then for sure. */
function end(child: ChildProcess): void {
  signalGroup(child, 'SIGTERM')
  setTimeout(() => signalGroup(child, 'SIGKILL'), KILL_AFTER_MS).unref()
}

function findingOf(code: number | null, signal: NodeJS.Signals | null, tail: Tail): Finding {
  const details = { exitCode: code, signal, output: tail.text }
  if (code === 0) return { passed: true, reason: 'exit code 0', details }
  const said = tail.lastLine === '' ? '' : `: ${tail.lastLine}`
  const how = signal === null ? `exit code ${code}` : `it was ended by ${signal}`
  return failure(`${how}${said}`, details)
}

/** Runs the program to its end; the signal ends it early. */
export function runCommand(
  { command }: Extract<Gate, { kind: 'command' }>,
  task: GateTask,
  signal: AbortSignal,
): Promise<Finding> {
  const [program = '', ...args] = command
  const tail = new Tail()
  return new Promise((resolve) => {
    const child = spawn(program, args, {
      cwd: task.directory,
      env: environment(task),
      detached: true,
      stdio: ['ignore', 'pipe', 'pipe'],
    })
    const onAbort = (): void => end(child)
    signal.addEventListener('abort', onAbort, { once: true })
    child.stdout.on('data', (chunk: Buffer) => tail.add(chunk))
    child.stderr.on('data', (chunk: Buffer) => tail.add(chunk))
    child.on('error', (error) => {
      signal.removeEventListener('abort', onAbort)
      resolve(failure(`the program cannot be started: ${error.message}`))
    })
    // `close` would wait for everybody who has inherited the output.
    child.on('exit', (code, by) => {
      signal.removeEventListener('abort', onAbort)
      // Nothing that it has started in the background outlives it.
      signalGroup(child, 'SIGKILL')
      // What it printed last is on its way.
      setImmediate(() => {
        child.stdout.destroy()
        child.stderr.destroy()
        resolve(findingOf(code, by, tail))
      })
    })
  })
}
