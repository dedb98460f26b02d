// What must hold after a soak, as checks in the form of the measurements; the test of the soak
// holds a short one against the same.

import type { Check } from './report.ts'
import type { Sample, SoakReport, SoakSpec } from './soak.ts'
import type { KillsReport } from './soak-threads.ts'
import { spread } from './statistics.ts'

const MIB = 1_048_576
/**
 * The collector may let so much garbage lie as it likes to, in each of four heaps; what leaks even
 * 100 bytes a request is above this after two million.
 */
export const GROWTH_MAX_MIB = 64

/** The resident memory while between two shares of the requests were done: the median, in MiB. */
function residentMib(samples: readonly Sample[], from: number, to: number): number {
  const all = samples.at(-1)?.done ?? 0
  const within = samples.filter(({ done }) => done >= from * all && done <= to * all)
  return spread(within.map(({ residentBytes }) => residentBytes)).median / MIB
}

function wordsOf(counts: Readonly<Record<string, number>>): string {
  return Object.entries(counts)
    .map(([name, count]) => `${count} × ${name}`)
    .join(', ')
}

function zero(what: string, list: readonly unknown[], more = ''): Check {
  const first = list.length > 0 ? `, the first: ${JSON.stringify(list[0])}` : ''
  return { what, value: `${list.length}${more}${first}`, pass: list.length === 0 }
}

/** Whether each answer was the right one, and each failure one that had to be. */
function answerChecks({ client, judged, targets }: SoakReport): Check[] {
  const { excused, failed } = judged.replayable
  const wrong = client.wrongCount + judged.endedEarly.length + targets.violations.length
  const first = client.wrong[0] ?? targets.violations[0]
  return [
    {
      what: 'no answer and no request was mixed up, cut short or changed',
      value: `${wrong}${first === undefined ? '' : `, the first: ${first}`}`,
      pass: wrong === 0,
    },
    zero(
      'no request that may be replayed failed',
      failed,
      ` (and ${excused} whose answer had begun when its target was killed)`,
    ),
    zero(
      'every failure of another request was its target’s or its own fault’s',
      [...judged.unexplained, ...Array.from({ length: client.failuresLost })],
      ` (${wordsOf(judged.others)})`,
    ),
    zero('no request that may not be repeated reached targets twice', targets.repeated),
    {
      what: 'what broke amid the answer ended with a reset',
      value: `${client.markedEnded} of ${client.asMarked} ended with a FIN`,
      pass: client.markedEnded === 0,
    },
  ]
}

/** Whether the node is afterwards as it was before. */
export function restChecks(report: SoakReport): Check[] {
  const { gauges, socketsAfter, socketsBefore } = report
  const { connections, inFlight, targetsInFlight } = gauges
  return [
    {
      what: 'the gauges are back at 0',
      value: `in flight ${inFlight}, at targets ${targetsInFlight}, connections ${connections}`,
      pass: inFlight === 0 && targetsInFlight === 0 && connections === 0,
    },
    {
      what: 'the open sockets are back where they were',
      value: `${socketsBefore} before, ${socketsAfter} after`,
      pass: socketsAfter <= socketsBefore,
    },
    {
      what: 'both versions were served to the end',
      value: `the candidate has ${report.candidateWeight} %`,
      pass: report.candidateWeight > 0,
    },
  ]
}

/** What must hold after a soak of any length. */
export function soakChecks(spec: SoakSpec, report: SoakReport): Check[] {
  const { client, seconds } = report
  const rate = client.done / seconds
  return [
    {
      what: `${spec.requests} requests over ${spec.connections} connections came to an end`,
      value: `${client.done} in ${seconds.toFixed(0)} s, ${rate.toFixed(0)} a second`,
      pass: client.done >= spec.requests,
    },
    ...answerChecks(report),
    ...restChecks(report),
  ]
}

/** Whether memory has stopped growing: the last tenth of the soak beside the second one. */
export function memoryCheck(report: SoakReport): Check {
  const early = residentMib(report.samples, 0.1, 0.2)
  const late = residentMib(report.samples, 0.9, 1)
  const grown = late - early
  return {
    what: `resident memory grows by at most ${GROWTH_MAX_MIB} MiB behind the first tenth`,
    value: `${grown.toFixed(0)} MiB, from ${early.toFixed(0)} to ${late.toFixed(0)}`,
    pass: grown <= GROWTH_MAX_MIB,
  }
}

/** What must hold after edge threads were killed. */
export function threadChecks(report: KillsReport): Check[] {
  const { astray, client, gauges, kills } = report
  const sum = (pick: (kill: KillsReport['kills'][number]) => number): number =>
    kills.reduce((total, kill) => total + pick(kill), 0)
  const [owned, lost, others] = [
    sum((kill) => kill.owned),
    sum((kill) => kill.lost),
    sum((kill) => kill.others),
  ]
  const unknown = sum((kill) => kill.unknown)
  const wrong = client.wrongCount + report.targets.violations.length
  return [
    {
      what: 'a killed thread takes its own connections with it and no others',
      value:
        `${kills.length} kills: ${lost} of their ${owned} connections, ${others} of others, ` +
        `${unknown} that none had taken yet`,
      pass: lost === owned && lost > 0 && others === 0 && report.restarts === kills.length,
    },
    zero(
      'requests on other connections never failed',
      astray,
      ` of ${client.done} (${report.taken} were lost with their connection)`,
    ),
    {
      what: 'no answer was mixed up, and no request repeated, when threads died',
      value: `${wrong} and ${report.targets.repeated.length}`,
      pass: wrong === 0 && report.targets.repeated.length === 0,
    },
    {
      what: 'the gauges are back at 0 after killed threads',
      value: `in flight ${gauges.inFlight}, at targets ${gauges.targetsInFlight}`,
      pass: gauges.inFlight === 0 && gauges.targetsInFlight === 0 && gauges.connections === 0,
    },
  ]
}
