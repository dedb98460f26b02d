// The types of the SDK and the contract of the node say the same. The schemas of /openapi.json are
// written down as types, and the compiler holds them against what the calls of the client take and
// give: a member that one of them lacks, or means otherwise, is an error with its name.

import { execFile } from 'node:child_process'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import t, { type Test } from 'tap'
import { VertexClient } from '../../src/client/client.ts'
import { startAdmin } from '../admin/harness.ts'

const root = join(import.meta.dirname, '..', '..')

/** What is used of JSON Schema. */
interface Schema {
  readonly type?: string
  readonly anyOf?: readonly Schema[]
  readonly enum?: readonly string[]
  readonly items?: Schema
  readonly properties?: Readonly<Record<string, Schema>>
  readonly additionalProperties?: Schema | boolean
  readonly required?: readonly string[]
}

interface Content {
  readonly content?: { readonly 'application/json'?: { readonly schema: Schema } }
}

interface Operation {
  readonly requestBody?: Content
  readonly responses: Readonly<Record<string, Content>>
}

const SIMPLE: Readonly<Record<string, string>> = {
  string: 'string',
  number: 'number',
  integer: 'number',
  boolean: 'boolean',
  null: 'null',
}

/** A schema as TypeScript. */
function typeOf(schema: Schema): string {
  const { additionalProperties: others = true, anyOf, items, type } = schema
  if (anyOf !== undefined) return anyOf.map(typeOf).join(' | ')
  if (schema.enum !== undefined) return schema.enum.map((word) => JSON.stringify(word)).join(' | ')
  if (type === undefined) return 'unknown'
  if (items !== undefined) return `readonly (${typeOf(items)})[]`
  if (type === 'object') return objectOf(schema, others)
  const simple = SIMPLE[type]
  if (simple === undefined) throw new Error(`no type is known for ${JSON.stringify(schema)}`)
  return simple
}

function objectOf({ properties = {}, required = [] }: Schema, others: Schema | boolean): string {
  const members = Object.entries(properties).map(([name, member]) => {
    return `readonly ${JSON.stringify(name)}${required.includes(name) ? '' : '?'}: ${typeOf(member)}`
  })
  if (members.length > 0) return `{ ${members.join('; ')} }`
  const any = others === true ? 'unknown' : others === false ? 'never' : typeOf(others)
  return `Readonly<Record<string, ${any}>>`
}

const gives = (method: keyof VertexClient): string =>
  `Awaited<ReturnType<client.VertexClient['${method}']>>`
const NOTHING = 'Record<string, never>'

/** What the SDK takes as the body and gives as the answer, where it is JSON. */
const OF_CLIENT: Readonly<Record<string, { readonly body?: string; readonly answer: string }>> = {
  'get /v1/node': { answer: gives('node') },
  'get /v1/fleet': { answer: gives('fleet') },
  'get /v1/fleet/journal': { answer: `{ entries: ${gives('fleetJournal')} }` },
  'get /v1/services': { answer: `{ services: ${gives('services')} }` },
  'get /v1/services/{service}': { answer: gives('service') },
  'put /v1/services/{service}/weight': {
    body: '{ candidate: number } & Body<client.WeightOptions>',
    answer: gives('setWeight'),
  },
  'post /v1/services/{service}/rollouts': {
    body: '{ version: string } & Body<client.DeployOptions>',
    answer: gives('deploy'),
  },
  'post /v1/services/{service}/rollout/promote': {
    body: 'Body<client.PromoteOptions>',
    answer: gives('promote'),
  },
  'post /v1/services/{service}/rollout/pause': { body: NOTHING, answer: gives('pause') },
  'post /v1/services/{service}/rollout/resume': { body: NOTHING, answer: gives('resume') },
  'post /v1/services/{service}/rollout/abort': { body: NOTHING, answer: gives('abort') },
  'post /v1/services/{service}/rollback': {
    body: 'Body<client.RollbackOptions>',
    answer: gives('rollback'),
  },
  'delete /v1/services/{service}/quarantine/{version}': { answer: gives('retry') },
  'put /v1/services/{service}/versions/{version}/targets': {
    body: '{ targets: Parameters<client.VertexClient["setTargets"]>[1] }',
    answer: gives('setTargets'),
  },
  'post /v1/services/{service}/synthetic': {
    body: 'Body<Omit<client.SyntheticTransaction, "assertions">> & { assertions?: readonly { metric: client.Metric; threshold?: number; min?: number }[] }',
    answer: gives('runSyntheticTransaction'),
  },
  'get /v1/journal': { answer: gives('journal') },
}

const HEAD = `import type * as client from ${JSON.stringify(join(root, 'src/client/client.ts'))}

/** The body among the options of a call. */
type Body<T> = Omit<T, 'service' | 'signal' | 'timeoutMs' | 'ifMatch'>
/** So that also optional members, which may be left out, are compared. */
type Plain<T> = unknown extends T ? 'unknown'
  : T extends readonly (infer E)[] ? { list: Plain<E> }
  : T extends object
    ? { [K in keyof T]-?: undefined extends T[K] ? { maybe: Plain<Exclude<T[K], undefined>> } : Plain<T[K]> }
  : T

declare const lacking: Plain<{ a: number }>
// @ts-expect-error It would find a member that is missing, also one that may be.
export const whole: Plain<{ a: number; b?: string }> = lacking
`

let checks = 0

/** Two types that must be able to take each other's place. */
function same(ofNode: string, ofClient: string): string {
  const n = checks++
  return `
declare const node${n}: Plain<${ofNode}>
declare const client${n}: Plain<${ofClient}>
export const ofNode${n}: Plain<${ofNode}> = client${n}
export const ofClient${n}: Plain<${ofClient}> = node${n}
`
}

function schemaOf(content: Content | undefined): Schema | undefined {
  return content?.content?.['application/json']?.schema
}

await t.test('the compiler finds no difference between the SDK and the contract', async (t) => {
  const admin = await startAdmin()
  const { paths } = await new VertexClient({ url: admin.url }).openapi()
  await admin.stop()
  const pieces = [HEAD]
  const inJson: string[] = []
  for (const [path, methods] of Object.entries(paths)) {
    for (const [method, described] of Object.entries(methods)) {
      const { requestBody, responses } = described as Operation
      const answer = schemaOf(responses['200'])
      if (answer === undefined || answer.type === undefined) continue
      const name = `${method} ${path}`
      inJson.push(name)
      const ofClient = OF_CLIENT[name]
      if (ofClient === undefined) continue
      pieces.push(`\n// ${name}`, same(typeOf(answer), ofClient.answer))
      const body = schemaOf(requestBody)
      if (body !== undefined) pieces.push(same(typeOf(body), ofClient.body ?? 'never'))
      for (const status of ['4XX', '5XX']) {
        const refusal = schemaOf(responses[status])
        if (refusal !== undefined) pieces.push(same(typeOf(refusal), 'client.ProblemDocument'))
      }
    }
  }
  t.same(inJson.toSorted(), Object.keys(OF_CLIENT).toSorted(), 'of every call that gives JSON')
  t.equal(await mistakes(t, pieces.join('\n')), '')
})

/** What the compiler has against a source. */
async function mistakes(t: Test, source: string): Promise<string> {
  const directory = mkdtempSync(join(tmpdir(), 'vertex-contract-'))
  t.teardown(() => rmSync(directory, { recursive: true, force: true }))
  writeFileSync(join(directory, 'contract.mts'), source)
  const config = {
    extends: join(root, 'tsconfig.json'),
    compilerOptions: { typeRoots: [join(root, 'node_modules', '@types')] },
    include: ['contract.mts'],
  }
  writeFileSync(join(directory, 'tsconfig.json'), JSON.stringify(config))
  const tsc = join(root, 'node_modules', 'typescript', 'bin', 'tsc')
  try {
    // Without the options by which tap follows child processes, with which tsc does not start.
    await promisify(execFile)('env', ['-u', 'NODE_OPTIONS', tsc, '-p', directory])
    return ''
  } catch (error) {
    return (error as { readonly stdout: string }).stdout
  }
}
