// A synthetic transaction that an operator or a program has asked for, outside of any gate: it goes
// to the targets of a known version, whatever its weight, and changes nothing.

import type { Answer, Probe } from '../../core/command.ts'
import type { ServiceState } from '../../core/service.ts'
import { noSynthetics, refused, unknownVersion } from '../problems.ts'
import type { SyntheticPort } from './ports.ts'

/** Runs it to its end; the signal ends it early. */
export async function probe(
  { versions }: ServiceState,
  command: Probe,
  by: { synthetic: SyntheticPort | null; signal: AbortSignal },
): Promise<Answer> {
  const { assertions, durationMs, rate, scenario, service, version } = command
  const targets = versions[version]?.targets
  if (targets === undefined) return refused(unknownVersion(version, Object.keys(versions)))
  if (by.synthetic === null) return refused(noSynthetics())
  const asked = { scenario, assertions, rate, durationMs }
  const order = { service, version, targets, ...asked, isProbe: true }
  const run = await by.synthetic.run(order, by.signal)
  if ('problem' in run) return refused(run.problem)
  return { ok: true, answer: 'synthetic', report: run.report }
}
