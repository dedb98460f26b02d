// The generator of synthetic transactions in a process of its own, so that it can be pinned to a
// core: the host and its thread as Vertex has them.

import { loadTransaction } from '../../src/config/transaction.ts'
import type { SyntheticReport } from '../../src/core/synthetic.ts'
import { SyntheticHost } from '../../src/synthetic/host.ts'
import { answerParent } from './rpc.ts'

export interface SyntheticAsk {
  /** The scenario's file. */
  readonly file: string
  readonly target: string
  readonly rate: number
  readonly durationMs: number
}

export interface SyntheticReply {
  readonly report: SyntheticReport
  /** Of the whole process, in seconds. */
  readonly cpuSeconds: number
}

let host: SyntheticHost | null = null

async function run({ durationMs, file, rate, target }: SyntheticAsk): Promise<SyntheticReply> {
  const loaded = loadTransaction({ file, name: 'bench', env: {} })
  if ('mistakes' in loaded) throw new Error(loaded.mistakes[0]?.message)
  host ??= new SyntheticHost({ scenarios: [loaded.transaction], onDeath: console.error })
  const before = process.cpuUsage()
  const order = { service: 'bench', version: 'v1', targets: [target], scenario: 'bench' }
  const signal = new AbortController().signal
  const ended = await host.run({ ...order, assertions: [], rate, durationMs }, signal)
  if ('problem' in ended) throw new Error(ended.problem.detail)
  const { system, user } = process.cpuUsage(before)
  return { report: ended.report, cpuSeconds: (user + system) / 1e6 }
}

answerParent({ run: (argument) => run(argument as SyntheticAsk) })
