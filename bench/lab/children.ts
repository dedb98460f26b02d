// The child processes of a measurement or a whole-system test. Whatever happens, none of them
// outlives the process that started it: they are killed at its exit, and those that speak over IPC
// also end by themselves when their parent is gone.

import { type ChildProcess, fork, spawn } from 'node:child_process'
import { fileURLToPath } from 'node:url'

const children = new Set<ChildProcess>()
const atExit: (() => void)[] = []

/** Sees to it that a child that was started elsewhere ends with this process too. */
export function track(child: ChildProcess): ChildProcess {
  if (children.size === 0 && atExit.length === 0) watchExit()
  children.add(child)
  child.once('exit', () => children.delete(child))
  return child
}

/**
 * Time for whoever else listens, such as tap for the end of a test's time, to say what it knows.
 */
const LAST_WORDS_MS = 200

function killAll(): void {
  for (const child of children) child.kill('SIGKILL')
}

function watchExit(): void {
  atExit.push(killAll)
  process.once('exit', () => {
    for (const action of atExit) action()
  })
  process.once('SIGINT', () => process.exit(130))
  process.once('SIGTERM', () => process.exit(143))
  process.once('SIGHUP', () => process.exit(129))
  // The end of a test's time: without a listener it ends the process, and none of this is run.
  process.on('SIGALRM', () => {
    killAll()
    setTimeout(() => process.exit(142), LAST_WORDS_MS)
  })
}

/** Runs when this process ends, however it ends. For temporary directories. */
export function onExit(action: () => void): void {
  if (atExit.length === 0) watchExit()
  atExit.push(action)
}

/** How tap gets into processes: among the options for all that run Node. */
const FOLLOWER = /"?--import=\S*@tapjs\/processinfo\S*/g

/**
 * A command line so that tap does not follow its process. It follows all processes that a test
 * starts, which takes up to a second of each, and only who counts lines reads what it notes.
 */
export function unfollowed(command: readonly string[]): { file: string; args: string[] } {
  const isFollowed = process.env.TAP_DISABLE_COVERAGE === '1'
  const options = process.env.NODE_OPTIONS?.replaceAll(FOLLOWER, '') ?? ''
  // `env` replaces itself by what it starts, so that the pid and the IPC channel are those of it.
  const [file, ...args] = isFollowed ? ['env', `NODE_OPTIONS=${options}`, ...command] : command
  if (file === undefined) throw new Error('Cannot start a program as its name is missing')
  return { file, args }
}

export interface Pin {
  /** The core that the process may run on; undefined leaves it free. */
  readonly core?: number | undefined
}

/** `taskset` replaces itself too. */
function pinned(command: readonly string[], { core }: Pin): readonly string[] {
  return core === undefined ? command : ['taskset', '-c', String(core), ...command]
}

/** Starts a program. Its output can be read from the child's streams. */
export function startProgram(command: readonly string[], options: Pin = {}): ChildProcess {
  const { file, args } = unfollowed(pinned(command, options))
  return track(spawn(file, args, { stdio: ['ignore', 'pipe', 'pipe'] }))
}

/** Starts a module of this folder as a process that speaks over IPC (see rpc.ts). */
export function startModule(module: URL, options: Pin = {}): ChildProcess {
  const { file, args } = unfollowed(pinned([process.execPath], options))
  return track(
    fork(fileURLToPath(module), [], {
      serialization: 'advanced',
      stdio: ['ignore', 'inherit', 'inherit', 'ipc'],
      execPath: file,
      execArgv: args,
    }),
  )
}

/** Ends a child and waits until it is gone; after `withinMs` it is killed. */
export async function endChild(
  child: ChildProcess,
  options: { signal?: NodeJS.Signals; withinMs?: number } = {},
): Promise<number | null> {
  if (child.exitCode !== null || child.signalCode !== null) return child.exitCode
  const gone = new Promise<void>((resolve) => {
    child.once('exit', () => resolve())
  })
  child.kill(options.signal ?? 'SIGTERM')
  const timer = setTimeout(() => child.kill('SIGKILL'), options.withinMs ?? 10_000)
  await gone
  clearTimeout(timer)
  return child.exitCode
}

/** Ends all children that are left. */
export async function endAll(): Promise<void> {
  await Promise.all([...children].map((child) => endChild(child, { signal: 'SIGKILL' })))
}
