// Gates as an operator meets them: real programs, a real webhook, a rollout whose weight moves or
// does not. The edge threads are played by the test; synthetic transactions and mirrored requests
// have tests of their own, here only their ports answer.

import { readFile, writeFile } from 'node:fs/promises'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import t from 'tap'
import type { SyntheticPort } from '../../src/control/gates/ports.ts'
import type { Answer } from '../../src/core/command.ts'
import type { Gate, MirrorTally } from '../../src/core/gate.ts'
import type { SyntheticReport } from '../../src/core/synthetic.ts'
import { configOf, removeDirectory, TestNode, temporaryDirectory, until } from './node.ts'

type Choices = Parameters<typeof TestNode.start>[1]

async function withNode(
  gates: readonly Gate[],
  play: (node: TestNode, stateDir: string) => Promise<void>,
  choices: Choices & { weight?: number } = {},
): Promise<void> {
  const stateDir = await temporaryDirectory()
  const { weight = 0, ...ports } = choices
  const candidate = weight > 0 ? 'v2' : null
  const config = configOf({ stateDir, strategy: { gates }, candidate, weight })
  const node = await TestNode.start(config, ports)
  try {
    await play(node, stateDir)
  } finally {
    await node.stop()
    await removeDirectory(stateDir)
  }
}

function shell(script: string, more: Partial<Gate> = {}): Gate {
  const command = ['sh', '-c', script]
  return { kind: 'command', name: 'smoke', timeoutMs: 5000, command, ...more } as Gate
}

function codeOf(answer: Answer): string {
  return answer.ok ? 'ok' : `${answer.problem.status} ${answer.problem.code}`
}

async function reasonOfEnd(node: TestNode): Promise<string> {
  await until('the end', async () => (await node.view()).ended !== null)
  return (await node.view()).ended?.reason ?? ''
}

/** Whether a process is still there; a dead one that nobody has waited for is not. */
async function isAlive(pid: number): Promise<boolean> {
  try {
    return !/^\d+ \(.*\) Z/.test(await readFile(`/proc/${pid}/stat`, 'utf8'))
  } catch {
    return false
  }
}

await t.test('a program with exit code 0 lets the candidate have its first share', async (t) => {
  const words = '$VERTEX_SERVICE $VERTEX_VERSION $VERTEX_TARGETS $VERTEX_WEIGHT'
  const script = `echo "${words}$NODE_COMPILE_CACHE" > told` // which .taprc sets for Vertex
  await withNode([shell(`sleep 0.2; ${script}`)], async (node, stateDir) => {
    t.equal(codeOf(await node.deploy()), 'ok')
    await until('the gate', async () => (await node.view()).rollout?.gates !== null)
    const { rollout } = await node.view()
    t.equal(node.row().weight, 0, 'nothing is raised before it')
    t.equal(rollout?.waitsFor, 'gate')
    t.match(rollout?.reason ?? '', /waits for gate "smoke" before 5 %/)
    t.strictSame(rollout?.gates?.gates, [{ name: 'smoke', kind: 'command', state: 'running' }])
    await until('the first step', () => node.row().weight === 500)
    const told = await readFile(join(stateDir, 'told'), 'utf8')
    t.equal(told, 'shop v2 http://127.0.0.1:9002 5\n', 'it was told of what it is about, no more')
    const [report] = (await node.view()).rollout?.gateReports ?? []
    t.match(report, { gate: 'smoke', passed: true, reason: 'exit code 0' })
    const entries = (await node.journal()).filter(({ kind }) => kind === 'gate')
    t.match(entries[0]?.text, /gates before 5 % begin: smoke/)
    t.match(entries[1], { evidence: { passed: true, details: { exitCode: 0 } } })
  })
})

await t.test('a program that fails ends the rollout with its last words', async (t) => {
  await withNode([shell('echo out; echo the login is broken >&2; exit 3')], async (node) => {
    await node.deploy()
    const reason = await reasonOfEnd(node)
    t.match(reason, /gate "smoke" before 5 % was not passed: exit code 3: the login is broken/)
    t.equal(node.row().weight, 0)
    t.strictSame((await node.view()).quarantine, {}, 'no quarantine')
    t.equal(codeOf(await node.deploy()), 'ok', 'it may be deployed again')
  })
  const gate = shell('', { command: ['./is-not-there'] } as Partial<Gate>)
  await withNode([gate], async (node) => {
    await node.deploy()
    t.match(await reasonOfEnd(node), /the program cannot be started: .*ENOENT/)
  })
})

await t.test('a gate that is not over in time has failed, and its program is ended', async (t) => {
  const gate = shell('echo $$ > pid; sleep 60 & wait', { timeoutMs: 1000 })
  await withNode([gate], async (node, stateDir) => {
    await node.deploy()
    t.match(await reasonOfEnd(node), /it was not over within 1 s: it was ended by SIGTERM/)
    const pid = Number(await readFile(join(stateDir, 'pid'), 'utf8'))
    await until('the end of the program', async () => !(await isAlive(pid)))
  })
})

await t.test('an abort ends a gate at once, and all that its program has started', async (t) => {
  const script = 'sleep 60 & echo $! > child; echo $$ > parent; wait'
  await withNode([shell(script, { timeoutMs: 60_000 })], async (node, stateDir) => {
    await node.deploy()
    const pidIn = async (file: string): Promise<number> => {
      const text = await readFile(join(stateDir, file), 'utf8').catch(() => '')
      return Number(text)
    }
    await until('the program', async () => (await pidIn('parent')) > 0)
    const [child, parent] = [await pidIn('child'), await pidIn('parent')]
    t.ok((await isAlive(child)) && (await isAlive(parent)))
    t.equal(codeOf(await node.ask({ do: 'abort' })), 'ok')
    t.equal((await node.view()).rollout, null, 'the abort waits for no gate')
    await until('their ends', async () => !(await isAlive(child)) && !(await isAlive(parent)))
    t.equal((await node.view()).ended?.ending, 'aborted')
  })
})

await t.test('a program that does not listen is killed', async (t) => {
  const script = 'trap "" TERM; echo $$ > pid; while true; do sleep 0.1; done'
  await withNode([shell(script, { timeoutMs: 60_000 })], async (node, stateDir) => {
    await node.deploy()
    const pid = async (): Promise<number> =>
      Number(await readFile(join(stateDir, 'pid'), 'utf8').catch(() => ''))
    await until('the program', async () => (await pid()) > 0)
    const number = await pid()
    await node.ask({ do: 'abort' })
    await until('its end', async () => !(await isAlive(number)))
    t.pass('it is gone')
  })
})

await t.test('a program leaves nothing behind, be it passed or not', async (t) => {
  await withNode([shell('sleep 60 & echo $! > child; exit 0')], async (node, stateDir) => {
    await node.deploy()
    await until('the first step', () => node.row().weight === 500)
    const pid = Number(await readFile(join(stateDir, 'child'), 'utf8'))
    await until('the end of what it has started', async () => !(await isAlive(pid)))
    t.pass('it is gone')
  })
})

await t.test('a gate may take longer than a timer can', async (t) => {
  await withNode([shell('sleep 0.2', { timeoutMs: 30 * 86_400_000 })], async (node) => {
    await node.deploy()
    await until('the first step', () => node.row().weight === 500)
    t.pass('it was passed')
  })
})

await t.test("the words of a program are not the journal's business", async (t) => {
  await withNode([shell('true # S3CRET')], async (node) => {
    await node.deploy()
    await until('the first step', () => node.row().weight === 500)
    await until('the raise in the journal', async () =>
      (await node.journal()).some(({ kind }) => kind === 'raise'),
    )
    t.notMatch(JSON.stringify(await node.journal()), /S3CRET/)
  })
})

await t.test('gates run in their order, and none behind one that failed', async (t) => {
  const gates = [
    shell('echo one >> order', { name: 'one' }),
    shell('echo two >> order; exit 1', { name: 'two' }),
    shell('echo three >> order', { name: 'three' }),
  ]
  await withNode(gates, async (node, stateDir) => {
    await node.deploy()
    t.match(await reasonOfEnd(node), /gate "two" before 5 % was not passed/)
    t.equal(await readFile(join(stateDir, 'order'), 'utf8'), 'one\ntwo\n')
  })
})

await t.test('a node that is restarted amid a gate runs it again, and raises once', async (t) => {
  const stateDir = await temporaryDirectory()
  const gates = [shell('echo run >> runs; test -e go || sleep 60', { timeoutMs: 60_000 })]
  const config = configOf({ stateDir, strategy: { gates } })
  const first = await TestNode.start(config)
  const runs = async (): Promise<string> => readFile(join(stateDir, 'runs'), 'utf8').catch(() => '')
  await first.deploy()
  await until('the gate', async () => (await runs()) === 'run\n')
  await first.stop()
  await writeFile(join(stateDir, 'go'), '')
  const second = await TestNode.start(config)
  t.equal(second.row().weight, 0, 'it comes back with nothing raised')
  await until('the first step', () => second.row().weight === 500)
  t.equal(await runs(), 'run\nrun\n')
  const raises = (await second.journal()).filter(({ kind }) => kind === 'raise')
  t.equal(raises.length, 1)
  await second.stop()
  await removeDirectory(stateDir)
})

await t.test("the file's weight waits for the gates when a fresh node starts", async (t) => {
  const gates = [shell('test -e go', { name: 'door' })]
  await withNode(
    gates,
    async (node, stateDir) => {
      const reason = await reasonOfEnd(node)
      t.match(reason, /gate "door" before 10 % was not passed: exit code 1/)
      t.equal(node.row().weight, 0, 'not a request goes to it')
      await writeFile(join(stateDir, 'go'), '')
      t.equal(codeOf(await node.ask({ do: 'weight', weight: 1000, force: false })), 'ok')
      await until('the weight by hand', () => node.row().weight === 1000)
    },
    { weight: 1000 },
  )
})

await t.test(
  'a raise by hand is done once its gates are passed, a forced one at once',
  async (t) => {
    await withNode([shell('test -e go')], async (node, stateDir) => {
      await writeFile(join(stateDir, 'go'), '')
      await node.deploy()
      await until('the first step', () => node.row().weight === 500)
      const ifMatch = (await node.view()).revision
      await writeFile(join(stateDir, 'go'), '')
      t.equal(codeOf(await node.ask({ do: 'weight', weight: 2000, force: false, ifMatch })), 'ok')
      await until('the weight by hand', () => node.row().weight === 2000)
      t.equal((await node.view()).rollout?.paused, true)
      await removeDirectory(join(stateDir, 'go'))
      const now = { ifMatch: (await node.view()).revision }
      await node.ask({ do: 'weight', weight: 4000, force: false, ...now })
      await until('its report', async () => {
        const [report] = (await node.view()).rollout?.gateReports ?? []
        return report?.passed === false
      })
      t.equal(node.row().weight, 2000, 'not passed: the weight stays as it is')
      const then = { ifMatch: (await node.view()).revision }
      t.equal(codeOf(await node.ask({ do: 'weight', weight: 4000, force: true, ...then })), 'ok')
      t.equal(node.row().weight, 4000)
    })
  },
)

await t.test('a person lets the rollout go on with promote', async (t) => {
  const gate: Gate = { kind: 'manual', name: 'release manager', timeoutMs: 86_400_000 }
  await withNode([gate], async (node) => {
    await node.deploy()
    await until('the gate', async () => (await node.view()).rollout?.waitsFor === 'operator')
    const { reason = '' } = (await node.view()).rollout ?? {}
    t.match(reason, /waits for a person at gate "release manager" before 5 %: promote/)
    t.equal(node.row().weight, 0)
    t.equal(codeOf(await node.ask({ do: 'promote', full: false })), 'ok')
    t.equal(node.row().weight, 500)
  })
})

await t.test(
  'a webhook lets pass with 2xx, is told of the candidate, and keeps its token',
  async (t) => {
    const asked: { body: unknown; token: string | undefined }[] = []
    const statuses = [204, 503]
    const server = createServer((request, response) => {
      let text = ''
      request.on('data', (chunk: Buffer) => {
        text += chunk.toString()
      })
      request.on('end', () => {
        asked.push({ body: JSON.parse(text), token: request.headers.authorization })
        response.writeHead(statuses.shift() ?? 500).end('because')
      })
    })
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
    const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/ok`
    const common = { kind: 'webhook', name: 'ci', timeoutMs: 5000, url } as const
    await withNode([{ ...common, tokenFile: 'token' }], async (node, stateDir) => {
      await writeFile(join(stateDir, 'token'), 'swordfish\n')
      await node.deploy()
      await until('the first step', () => node.row().weight === 500)
      t.strictSame(asked[0], {
        token: 'Bearer swordfish',
        body: {
          ...{ gate: 'ci', service: 'shop', version: 'v2', targets: ['http://127.0.0.1:9002'] },
          ...{ rollout: 'shop-1', weight: 5 },
        },
      })
      t.equal(codeOf(await node.ask({ do: 'promote', full: false })), 'ok')
      t.match(await reasonOfEnd(node), /gate "ci" before 100 % was not passed: status 503/)
      t.notMatch(JSON.stringify(await node.journal()), /swordfish/)
    })
    await new Promise((resolve) => server.close(resolve))
    await withNode([{ ...common, tokenFile: null }], async (node) => {
      await node.deploy()
      t.match(await reasonOfEnd(node), /it could not be asked: connection refused/)
    })
    await withNode([{ ...common, tokenFile: 'no-token' }], async (node) => {
      await node.deploy()
      t.match(await reasonOfEnd(node), /it could not be asked: ENOENT/)
    })
  },
)

const HEALTHY = { transactions: 50, latency: { p99: 12 } } as unknown as SyntheticReport

function answering(result: SyntheticReport['result']): SyntheticPort {
  return { run: () => Promise.resolve({ report: { ...HEALTHY, result } }) }
}

await t.test('what a synthetic transaction says is what the gate says', async (t) => {
  const gate: Gate = {
    ...{ kind: 'synthetic', name: 'checkout', timeoutMs: 5000, scenario: 'checkout' },
    assertions: [],
  }
  const about = { service: 'shop', version: 'v2', scenario: 'checkout' }
  const well = answering({ healthy: true, failures: [], ...about })
  await withNode(
    [gate],
    async (node) => {
      await node.deploy()
      await until('the first step', () => node.row().weight === 500)
      const [report] = (await node.view()).rollout?.gateReports ?? []
      t.equal(report?.reason, '50 transactions were as they must be, p99 12.0 ms')
    },
    { synthetic: well },
  )
  const ill = answering({ healthy: false, failures: ['p99_latency is 61.2 ms'], ...about })
  await withNode(
    [gate],
    async (node) => {
      await node.deploy()
      t.match(await reasonOfEnd(node), /gate "checkout" .* p99_latency is 61.2 ms/)
    },
    { synthetic: ill },
  )
  const detail = 'Cannot find scenario checkout'
  const problem = {
    status: 404 as const,
    code: 'unknown-scenario',
    title: '',
    detail,
    allowed: ['login'],
  }
  await withNode(
    [gate],
    async (node) => {
      await node.deploy()
      t.match(await reasonOfEnd(node), /Cannot find scenario checkout; known are login/)
    },
    { synthetic: { run: () => Promise.resolve({ problem }) } },
  )
})

await t.test('mirrored requests are waited for, and then held against the bounds', async (t) => {
  const gate: Gate = {
    ...{ kind: 'mirror', name: 'mirror', timeoutMs: 5000, minRequests: 100 },
    ...{ errorRate: 0.01, p99Ms: 50, mismatchRate: 0 },
  }
  const tally: MirrorTally = {
    ...{ service: 'shop', version: 'v2', requests: 99, errors: 0, dropped: 0 },
    ...{ p50Ms: 5, p99Ms: 20, compared: 99, mismatched: 0, differences: [] },
  }
  let now: MirrorTally | null = null
  const mirror = { tally: () => now }
  await withNode(
    [gate],
    async (node) => {
      await node.deploy()
      await until('the gate', async () => (await node.view()).rollout?.gates !== null)
      now = tally
      await node.view()
      t.equal(node.row().weight, 0)
      now = { ...tally, requests: 100, compared: 100 }
      await until('the first step', () => node.row().weight === 500)
    },
    { mirror },
  )
  now = {
    ...{ ...tally, requests: 200, errors: 20, p99Ms: 61.24, mismatched: 3, compared: 100 },
    differences: [{ text: 'status 500 instead of 200', count: 3 }],
  }
  await withNode(
    [gate],
    async (node) => {
      await node.deploy()
      const reason = await reasonOfEnd(node)
      t.match(reason, /10 % of the mirrored requests failed, at most 1 % is asked/)
      t.match(reason, /p99 is 61.2 ms, at most 50 ms is asked/)
      t.match(reason, /3 % of the answers differ \(most often: status 500 instead of 200\)/)
    },
    { mirror },
  )
  now = tally
  await withNode(
    [{ ...gate, timeoutMs: 1000 }],
    async (node) => {
      await node.deploy()
      t.match(await reasonOfEnd(node), /100 mirrored requests are needed, and 99 were, 99 of them/)
    },
    { mirror },
  )
})
