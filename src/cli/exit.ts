// How a verb ends: the exit codes that scripts rely on, and the value that carries a failure from
// where it was found to the one place that prints it.

export const EXIT = {
  done: 0,
  failed: 1,
  usage: 2,
  invalidConfig: 3,
  rolledBack: 4,
  timedOut: 5,
  unreachable: 6,
} as const

/** A failure that the user is told in one line. */
export interface Failure {
  readonly ok: false
  readonly exit: number
  /** «Cannot <action> as <rule>: current value is <x>». */
  readonly line: string
}

export interface Success<T> {
  readonly ok: true
  readonly value: T
}

export type Result<T> = Success<T> | Failure

export function failure(exit: number, line: string): Failure {
  return { ok: false, exit, line }
}

export function success<T>(value: T): Success<T> {
  return { ok: true, value }
}

/** Prints the failure's line and returns its exit code. */
export function fail({ line, exit }: Failure): number {
  process.stderr.write(`${line.replaceAll(/\s*\n\s*/g, ' ')}\n`)
  return exit
}
