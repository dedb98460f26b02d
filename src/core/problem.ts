// A refusal: what an operator is told when a command cannot be carried out. It is a value, not an
// exception, and becomes an RFC 9457 problem document at the admin API and one line at the CLI.

export interface Problem {
  /** The HTTP status that fits. */
  readonly status: 400 | 404 | 409 | 412 | 422 | 428 | 503
  /** A short stable word, the last segment of the problem's type URI, e.g. `unknown-version`. */
  readonly code: string
  /** The same for every occurrence of the code, e.g. `Unknown version`. */
  readonly title: string
  /** One sentence: «Cannot <action> as <rule>: current value is <x>». */
  readonly detail: string
  /** What would have been accepted, where there is a list of it. */
  readonly allowed?: readonly string[]
}
