// The form in which a verdict explains itself: numbers for programs, sentences for people. The same
// stands in the API, in the journal and in a page, so that what was seen on the way and what was
// decided by can be laid side by side. verdict/explain.ts fills it in; nothing is decided here.

import type { Outcome } from './outcome.ts'

/** Judged requests of one version in the rollout. */
export interface ArmFigures {
  readonly requests: number
  /** Those that failed, or that were slower than the version's limit. */
  readonly bad: number
  /** bad / requests, a fraction; 0 without requests. */
  readonly rate: number
  /** Milliseconds; only in mode `threshold`, which compares it; null when nothing was measured. */
  readonly p99?: number | null
}

/** One of the tests that a metric's evidence is made of. */
export interface TestFigures {
  /** What the candidate is held against: a bound, or what stable does in the same moment. */
  readonly against: 'bound' | 'stable'
  /** E: the betting score. 0 to 1 says nothing. */
  readonly value: number
  /** How many times worse than that the candidate looks; null while no bet has won anything. */
  readonly bestTimes: number | null
}

export interface LimitFigures {
  /** The share of bad requests that the candidate is held against, a fraction; null: none is. */
  readonly bound: number | null
  /** Whether the bound is the setting or was taken from stable before 100 %. */
  readonly boundFrom: 'setting' | 'stable'
  /** Milliseconds above which a request of stable, or of the candidate, is slow; null: no limit. */
  readonly stableMs: number | null
  readonly candidateMs: number | null
  /** Stable's share of requests above its limit, a fraction: how rare slow ones really are. */
  readonly tailLevel: number | null
}

/** A request that counted against the candidate. */
export interface FailureView {
  readonly requestId: string
  readonly outcome: Outcome
  /** The status that the version answered; 0 when it did not. */
  readonly status: number
  /** ISO 8601. */
  readonly at: string
}

/** One metric's evidence against the candidate. */
export interface EvidenceView {
  readonly metric: 'errors' | 'p99'
  /** E, on which the decision hangs now; null while there is no test. */
  readonly value: number | null
  /** min(1, 1/E): a p-value that stays valid however often one looks. */
  readonly pValue: number | null
  /** What happens when the value reaches this (null in mode `threshold`, which has no tests) … */
  readonly bar: number | null
  /** … `page`: nothing can be moved, so on-call is told. */
  readonly leadsTo: 'roll-back' | 'reopen' | 'page'
  /** Whether stable gets requests to compare with; at 100 % none, until that is reopened. */
  readonly comparison: 'stable' | 'none' | 'reopened'
  readonly tests: readonly TestFigures[]
  readonly candidate: ArmFigures
  readonly stable: ArmFigures
  readonly limits: LimitFigures
  /** "Looks like 30 times worse": of the test that is decisive; null when it looks no worse. */
  readonly bestTimes: number | null
  /** Failures that reached users, and how many may; null where no limit is set, and for latency. */
  readonly userErrors: { readonly seen: number; readonly atMost: number } | null
  /** The last few requests that failed, at most 5; empty for latency. */
  readonly failures: readonly FailureView[]
  /** What would change the decision. */
  readonly wouldChange: string
  /** The whole sentence. */
  readonly text: string
}

/** What speaks for the candidate: how far the proof is that the end of the step waits for. */
export interface ProofView {
  readonly proof: 'errors' | 'p99'
  /** The error rate, or how many times stable's share of slow requests, that is to be excluded. */
  readonly excludes: number
  /** F: how strongly the requests speak against that; null while it cannot be said. */
  readonly value: number | null
  readonly bar: number
  readonly proven: boolean
  /**
   * How many requests more would prove it, when all goes on as until now: clean ones of the
   * candidate for errors, of both versions for p99. Null when no number would, or it is unknown.
   */
  readonly missingRequests: number | null
  /** How long they take at the present rate; null when nothing comes. */
  readonly aboutSeconds: number | null
  readonly text: string
}

/** What is not known, as a number. */
export interface RiskView {
  /** The candidate fails at most so often, a fraction … */
  readonly errorRate: number
  /** … with this probability. */
  readonly confidence: number
  readonly text: string
}

/** All that is known of a candidate at one moment. */
export interface Explanation {
  /** The id of the rollout. */
  readonly rollout: string
  readonly version: string
  /** When the rollout began, by the clock of the rollouts. */
  readonly startedMs: number
  readonly evidence: readonly EvidenceView[]
  readonly proofs: readonly ProofView[]
  readonly residualRisk: RiskView
}

/** Whether what stands in a journal is an explanation; entries of older releases have none. */
export function isExplanation(value: unknown): value is Explanation {
  if (typeof value !== 'object' || value === null) return false
  const { evidence, proofs } = value as Readonly<Record<string, unknown>>
  return Array.isArray(evidence) && Array.isArray(proofs)
}

/** The explanation with the requests that failed, which only those who serve know. */
export function withFailures(
  explanation: Explanation,
  failures: readonly FailureView[],
): Explanation {
  const evidence = explanation.evidence.map((view) =>
    view.metric === 'errors' ? { ...view, failures } : view,
  )
  return { ...explanation, evidence }
}
