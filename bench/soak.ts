// Is every answer the right one, whatever goes wrong around it? Two million requests, each with a
// nonce that its answer must echo in head, body and trailers, over 200 connections that pipeline,
// abort and reset; to targets that close connections as requests arrive, break off answers, and are
// killed and restarted one at a time. Then edge threads are killed under load.
//
// Memory is judged by the process' resident set, sampled four times a second: the median while the
// last tenth of the requests was done beside the median of the second tenth, when code, pools and
// heaps have the size that this load gives them.
//
//     npm run -s bench:soak -- --requests 100000 --seed 7
//     npm run -s bench:soak -- --quick

import { parseArgs } from 'node:util'
import { bench, progress } from './lab/report.ts'
import { runSoak, type SoakSpec } from './lab/soak.ts'
import { memoryCheck, soakChecks, threadChecks } from './lab/soak-checks.ts'
import { runThreadKills } from './lab/soak-threads.ts'

const REQUESTS = 2_000_000
const QUICK_REQUESTS = 20_000
/** Fewer say nothing about memory: a tenth of them is less than one turn of the collector. */
const MEMORY_FROM = 1_000_000
const CONNECTIONS = 200
const KILLS = 6
const LOAD_LIMIT_MS = 1_800_000

const { values } = parseArgs({
  options: {
    requests: { type: 'string' },
    seed: { type: 'string', default: '1' },
    quick: { type: 'boolean', default: false },
    runs: { type: 'string' },
  },
})
// The frame knows only its own arguments.
process.argv = process.argv.slice(0, 2)
const requests = Number(values.requests ?? (values.quick ? QUICK_REQUESTS : REQUESTS))
const seed = Number(values.seed)

await bench(
  'soak',
  {
    title: `${requests} requests over ${CONNECTIONS} connections, faults on all sides, seed ${seed}`,
    runs: 1,
    limitMs: LOAD_LIMIT_MS + 300_000,
  },
  async () => {
    const spec: SoakSpec = {
      requests,
      connections: CONNECTIONS,
      seed,
      restartPauseMs: { from: 700, to: 1700 },
      limitMs: LOAD_LIMIT_MS,
      onProgress: progress,
    }
    const report = await runSoak(spec)
    const threads = await runThreadKills({
      kills: values.quick ? 2 : KILLS,
      connections: CONNECTIONS,
      seed,
      onProgress: progress,
    })
    const { client } = report
    const { absences, requests: seen, idleEnds, idleResets, staleFaults } = report.targets
    const killed = absences.filter(({ how }) => how === 'killed').length
    const aborts = Object.values(client.aborted).reduce((sum, count) => sum + count, 0)
    return {
      series: {
        'resident memory, MiB': report.samples.map((sample) => sample.residentBytes / 1_048_576),
        'open sockets': report.samples.map((sample) => sample.sockets),
        'thread killed to all served, ms': threads.kills.map((kill) => kill.recoveredMs),
      },
      notes: [
        `${client.right} right, ${aborts} aborted by the client, ${client.asMarked} broken as ` +
          'was to be',
        `${killed} targets killed and ${absences.length - killed} stopped; ${staleFaults} reused ` +
          `connections cut as a request came, ${idleEnds + idleResets} cut while idle`,
        ...client.wrong.slice(0, 5),
      ],
      checks: [
        ...soakChecks(spec, report),
        ...(requests >= MEMORY_FROM ? [memoryCheck(report)] : []),
        ...threadChecks(threads),
      ],
      data: {
        seed,
        client: { ...client, failures: client.failures.length, losses: [] },
        targets: { seen, idleEnds, idleResets, staleFaults, killed, absences: absences.length },
        failedReplayable: report.judged.replayable.failed.slice(0, 50),
        failedOthers: report.judged.others,
        kills: threads.kills,
      },
    }
  },
)
