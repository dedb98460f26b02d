// The scenarios of the comparison (bench/compare.ts): what clients ask for, how the app server
// answers, and what each proxy is asked to do in between. A new one is a row here.
//
// TLS is not among them: Vertex does not end TLS yet.

import { type Ask, cookieGets, longHeads, routedGets, smallGets, smallPosts } from './asks.ts'
import type { Way } from './server-configs.ts'

const KIB = 1024
const COOKIE = 'lab'
const PREFIXES = Array.from({ length: 1000 }, (_, at) => `/team-${at}`)

export interface Scenario {
  readonly name: string
  /** As it stands above a column or a group of bars. */
  readonly title: string
  readonly asks: readonly Ask[]
  readonly origin: { readonly bodyBytes?: number; readonly chunks?: number }
  /** Besides the targets and where the log goes. */
  readonly way: Pick<Way, 'split' | 'cookie' | 'prefixes'>
  readonly accessLog: boolean
  /** Whether Vertex has a rollout under way, at the percentage of `way.split`. */
  readonly rollout: boolean
}

type Row = Partial<Scenario> & Pick<Scenario, 'name' | 'title'>

const ROWS: readonly Row[] = [
  { name: 'small-get', title: 'small GET' },
  { name: 'post-1k', title: '1 KiB POST', asks: smallPosts(KIB) },
  { name: 'response-16k', title: '16 KiB response', origin: { bodyBytes: 16 * KIB } },
  { name: 'response-1m', title: '1 MiB response', origin: { bodyBytes: KIB * KIB } },
  { name: 'chunked', title: '16 KiB in 4 chunks', origin: { bodyBytes: 16 * KIB, chunks: 4 } },
  {
    name: 'routes-1000',
    title: '1,000 routes',
    asks: routedGets(PREFIXES),
    way: { prefixes: PREFIXES },
  },
  { name: 'affinity', title: 'affinity cookie', asks: cookieGets(COOKIE), way: { cookie: COOKIE } },
  { name: 'headers-20', title: '20 request headers', asks: longHeads(20) },
  { name: 'access-log', title: 'access log on', accessLog: true },
  { name: 'rollout', title: 'rollout in progress', way: { split: 5 }, rollout: true },
]

export const SCENARIOS: readonly Scenario[] = ROWS.map((row) => ({
  asks: smallGets(),
  origin: {},
  way: {},
  accessLog: false,
  rollout: false,
  ...row,
}))

/** Whether a scenario needs a second app server, that of a candidate. */
export function hasCandidate({ way }: Scenario): boolean {
  return way.split !== undefined || way.cookie !== undefined
}
