// The operator's table: every rule that somebody relies on when a rollout goes its way or does
// not, with the transcripts of the state machine and the tests on a real node that show it. A row
// without a transcript or a test fails, and so do a transcript that no row names and a name that
// nobody has any more.

import { readdirSync, readFileSync } from 'node:fs'
import t from 'tap'

interface Shown {
  /** In test/scenarios/rollout, without `.txt`. */
  readonly transcripts: readonly string[]
  /** Files of tests with the names of those that show the row through the API and the CLI. */
  readonly tests: Readonly<Record<string, readonly string[]>>
  /** What is not there yet, and what it waits for. */
  readonly later?: string
}

const STEERING = 'test/cli/steering.test.ts'
const TROUBLE = 'test/cli/trouble.test.ts'
const DOUBT = 'test/cli/doubt.test.ts'
const VERBS = 'test/cli/verbs.test.ts'
const CONTROL = 'test/control/control.test.ts'
const GATES = 'test/cli/gates.test.ts'
const WHOLE = 'test/whole/rollout.test.ts'

/** The rules that an operator relies on, row by row. */
const ROWS: Readonly<Record<string, Shown>> = {
  'weight 0 by hand': {
    transcripts: ['weight-zero', 'by-hand'],
    tests: { [STEERING]: ['weight 0 by hand: no request reaches the candidate, sticky or not'] },
  },
  'abort or rollback': {
    transcripts: ['rollback', 'weight-zero', 'operator', 'gate-aborted'],
    tests: {
      [STEERING]: ['rollback works in every phase, and after the promotion'],
      [CONTROL]: ['an abort overtakes a raise that still waits for the disk'],
      [WHOLE]: ['a healthy candidate is promoted, and rolled back when asked'],
      [GATES]: ['a weight by hand waits for its gate unless it is forced; abort waits for none'],
    },
  },
  quarantine: {
    transcripts: ['quarantine', 'total-failure'],
    tests: {
      [STEERING]: ['a version that the verdict took out is quarantined until it is retried'],
      [CONTROL]: ['a candidate that fails outright is at weight 0 with its third failure'],
    },
    later: 'by digest: versions are not pinned to content yet',
  },
  'one incident a rollout, until it is well again': {
    transcripts: ['incidents'],
    tests: {
      'test/control/on-call.test.ts': [
        'a retry ends the incident of its version, a promotion ends all',
      ],
      'test/whole/on-call.test.ts': [
        'kill -9 between 500, 429, silence and 202: told once, resolved once',
      ],
    },
  },
  'a second rollout while one runs': {
    transcripts: ['second-rollout', 'replace-first'],
    tests: { [STEERING]: ['a second rollout is refused while one runs; replace supersedes'] },
  },
  'the same version again': {
    transcripts: ['same-version'],
    tests: {
      [STEERING]: ['the same version again'],
      [VERBS]: ['deploying what is stable already is done at once'],
    },
  },
  'weight by hand in a rollout': {
    transcripts: ['manual-weight', 'by-hand', 'gates-and-hands'],
    tests: {
      [STEERING]: ['a weight by hand in a rollout needs the revision and pauses the steps'],
      [GATES]: ['a weight by hand waits for its gate unless it is forced; abort waits for none'],
    },
  },
  promote: {
    transcripts: [
      'promote',
      'operator',
      'gates-of-a-step',
      'gates-of-skipped-steps',
      'gate-person',
    ],
    tests: {
      [STEERING]: ['promote goes to the next step now; full goes to 100 %'],
      [GATES]: ['a gate stands before every raise; promote runs it, promote --full does not'],
    },
  },
  'first deploy, no stable': {
    transcripts: ['first-deploy', 'first-deploy-gated', 'nowhere-else', 'replace-first'],
    tests: {
      [TROUBLE]: ['a first deploy has nowhere to go back to: it is told, not rolled back'],
    },
  },
  'stable has no healthy target': {
    transcripts: ['no-way-back', 'stable-unhealthy'],
    tests: { [TROUBLE]: ['nobody is moved onto a stable version that has no healthy target'] },
  },
  'candidate target ejected': {
    transcripts: ['target-ejected', 'holds', 'unreached'],
    tests: { [TROUBLE]: ['a candidate with a target that is out is raised by nobody'] },
  },
  'previous stable is gone': {
    transcripts: ['previous-gone', 'previous-gone-rollback', 'operator'],
    tests: {
      [TROUBLE]: [
        'a rollback to a previous stable that is gone says what is missing',
        'when its time is over, an event says that the previous may be stopped',
      ],
    },
  },
  'restart in a gate': {
    transcripts: ['restart-in-gate', 'gates-by-file'],
    tests: {
      [TROUBLE]: ['a kill -9 before the first raise, and one in a step'],
      [GATES]: ['a kill -9 amid a gate: nothing was raised, and the gate runs again'],
      'test/control/gates.test.ts': [
        'a node that is restarted amid a gate runs it again, and raises once',
      ],
    },
  },
  'restart in a step': {
    transcripts: ['restart', 'restart-in-step', 'taken-over'],
    tests: {
      [TROUBLE]: ['a kill -9 before the first raise, and one in a step'],
      [CONTROL]: ['a restart goes on where it stopped, with the weight that the journal says'],
      [WHOLE]: ['kill -9 in a rollout: the weight is what the journal says'],
      'test/control/clock.test.ts': [
        'while the node runs, the wall clock may jump as it likes',
        'at a start the time goes on from what was saved, at most a day further',
      ],
    },
  },
  'abort while a node cannot be reached': {
    transcripts: [],
    tests: {},
    later: 'the fleet: the command line will exit with 5 and name the node',
  },
  'an abort elsewhere in the fleet': {
    transcripts: ['entombed', 'entombed-promoted', 'entombed-nowhere'],
    tests: {},
    later: 'the fleet: nodes do not join it yet',
  },
  'cut off from the ledger of the fleet': {
    transcripts: ['no-raise', 'no-raise-by-hand', 'no-raise-gates'],
    tests: {},
    later: 'the fleet: nodes do not join it yet',
  },
  'deploy --wait': {
    transcripts: ['healthy-rollout', 'total-failure'],
    tests: {
      [STEERING]: [
        'deploy --wait ends with the rollout, or at its time limit',
        'a version that the verdict took out is quarantined until it is retried',
      ],
      [VERBS]: ['deploy --wait tells by its exit code how the rollout ended'],
    },
  },
  'a changed routing in the file': {
    transcripts: ['file-changed'],
    tests: { [CONTROL]: ['a fresh state takes the weight of the file; a changed file is applied'] },
  },
  'a step that proves nothing': {
    transcripts: ['inconclusive', 'inconclusive-promote', 'inconclusive-rollback', 'no-data'],
    tests: {
      [DOUBT]: [
        'a step that proves nothing is paused, and a person is asked',
        'with on_inconclusive: rollback it is taken out, and is not quarantined',
      ],
    },
  },
  'the bake ends by evidence': {
    transcripts: ['bake-by-evidence', 'healthy-rollout'],
    tests: { [STEERING]: ['deploy --wait ends with the rollout, or at its time limit'] },
  },
  'a budget of user errors': {
    transcripts: ['user-errors'],
    tests: { [DOUBT]: ['so many failures that reached users end a rollout, whatever the rate'] },
  },
  'gates before every raise': {
    transcripts: [
      'gates-passed',
      'gate-failed',
      'gate-silent',
      'gate-person',
      'gates-wait-for-holds',
      'gate-mirror',
    ],
    tests: {
      [GATES]: [
        'a gate stands before every raise; promote runs it, promote --full does not',
        'a person lets it go on with promote',
        'a gate that fails pauses where the strategy says so, and on-call is told',
        'copies of live requests are a gate: who fails them meets nobody',
      ],
      'test/control/gates.test.ts': [
        'a program that fails ends the rollout with its last words',
        'gates run in their order, and none behind one that failed',
      ],
    },
  },
  'a bad candidate': {
    transcripts: ['total-failure', 'dead-on-arrival', 'slow-candidate', 'reopened', 'shared-fault'],
    tests: {
      [WHOLE]: ['a bad candidate is taken out and no client sees it'],
      [CONTROL]: ['a slow candidate goes by its exceedances'],
    },
  },
}

const ROOT = new URL('../../', import.meta.url)

function read(path: string): string {
  return readFileSync(new URL(path, ROOT), 'utf8')
}

/** Whether a file of tests has one of this name, which may be broken over lines. */
function hasTest(file: string, name: string): boolean {
  const flat = read(file).replaceAll(/\s+/g, ' ')
  return flat.includes(`t.test('${name}',`) || flat.includes(`t.test( '${name}',`)
}

for (const [row, { later, tests, transcripts }] of Object.entries(ROWS)) {
  await t.test(row, async (t) => {
    const waits = later !== undefined
    t.ok(transcripts.length > 0 || waits, 'has a transcript')
    t.ok(Object.keys(tests).length > 0 || waits, 'is shown through the API and the CLI')
    for (const name of transcripts) {
      t.match(read(`test/scenarios/rollout/${name}.txt`), /^# .+/, `${name} says what it shows`)
    }
    for (const [file, names] of Object.entries(tests)) {
      for (const name of names) t.ok(hasTest(file, name), `${file}: ${name}`)
    }
  })
}

await t.test('no transcript is without a row', async (t) => {
  const named = new Set(Object.values(ROWS).flatMap(({ transcripts }) => transcripts))
  const files = readdirSync(new URL('test/scenarios/rollout', ROOT))
  for (const file of files) t.ok(named.has(file.replace('.txt', '')), file)
})
