// What every verb that speaks with a node is given: the client, how to print, and which service is
// meant when none was named. Flags win over the environment, the environment over the config file
// (when one was named), the file over defaults.

import { readFileSync } from 'node:fs'
import { addressText } from '../core/address.ts'
import type { ServiceView } from '../core/command.ts'
import { type AdminAddress, AdminClient, type Changed } from './admin-client.ts'
import { convergenceText } from './fleet-text.ts'
import { EXIT, failure, type Result, success } from './exit.ts'
import { summaryLine } from './status-table.ts'

const DEFAULT_ADMIN = 'http://127.0.0.1:9900'

/** The flags that all verbs share, as commander leaves them. */
export interface GlobalFlags {
  readonly config?: string
  readonly admin?: string
  readonly tokenFile?: string
  readonly output?: 'table' | 'json'
  readonly color?: boolean
}

export interface Context {
  readonly client: AdminClient
  readonly output: 'table' | 'json'
  readonly colour: boolean
}

function readToken(file: string): Result<string> {
  try {
    return success(readFileSync(file, 'utf8').trim())
  } catch (error) {
    const line = `Cannot read the token as its file cannot be read: ${(error as Error).message}`
    return failure(EXIT.usage, line)
  }
}

function findToken(flags: GlobalFlags, env: NodeJS.ProcessEnv): Result<string | null> {
  if (flags.tokenFile !== undefined) return readToken(flags.tokenFile)
  const { VERTEX_ADMIN_TOKEN: token, VERTEX_ADMIN_TOKEN_FILE: file } = env
  if (token !== undefined && token !== '') return success(token)
  return file !== undefined && file !== '' ? readToken(file) : success(null)
}

function wantsColour(flags: GlobalFlags, env: NodeJS.ProcessEnv): boolean {
  const { NO_COLOR = '', TERM } = env
  return flags.color !== false && NO_COLOR === '' && TERM !== 'dumb' && process.stdout.isTTY
}

/** Where the admin API is according to the config file that was named; null without one. */
async function adminOfFile(
  flags: GlobalFlags,
  env: NodeJS.ProcessEnv,
): Promise<Result<{ url: string; token: string | null } | null>> {
  const file = flags.config ?? env.VERTEX_CONFIG ?? ''
  if (file === '') return success(null)
  const { loadConfig } = await import('../config/load.ts')
  const loaded = loadConfig({ file, env })
  if ('mistakes' in loaded) {
    const { formatMistake } = await import('../config/mistake.ts')
    const [first] = loaded.mistakes.map(formatMistake)
    const line = `Cannot take the admin address from ${file} as it has mistakes: ${first}`
    const hint = 'Name the address with --admin, or see vertex validate for all of them.'
    return failure(EXIT.invalidConfig, `${line}. ${hint}`)
  }
  const { admin, adminToken } = loaded.config
  const host = ANY_ADDRESS[admin.host] ?? admin.host
  return success({ url: `http://${addressText({ ...admin, host })}`, token: adminToken })
}

/** A node that listens on every address is asked on loopback. */
const ANY_ADDRESS: Readonly<Record<string, string>> = { '0.0.0.0': '127.0.0.1', '::': '::1' }

/** Where the node is, and the token it asks for. */
export async function findAdmin(
  flags: GlobalFlags,
  env: NodeJS.ProcessEnv,
): Promise<Result<AdminAddress>> {
  const named = flags.admin ?? env.VERTEX_ADMIN ?? ''
  const inFile = named === '' ? await adminOfFile(flags, env) : success(null)
  if (!inFile.ok) return inFile
  const given = named === '' ? (inFile.value?.url ?? DEFAULT_ADMIN) : named
  const url = given.includes('://') ? given : `http://${given}`
  if (!URL.canParse(url) || !/^https?:$/.test(new URL(url).protocol)) {
    const line = `Cannot use the admin address as it must be an http URL: current value is ${url}`
    return failure(EXIT.usage, line)
  }
  const token = findToken(flags, env)
  if (!token.ok) return token
  const isNamed = named !== '' || inFile.value !== null
  return success({
    ...{ url, token: token.value ?? inFile.value?.token ?? null },
    ...(isNamed ? {} : { hint: 'Name another address with --admin, or a config file with -c' }),
  })
}

export async function makeContext(
  flags: GlobalFlags,
  env: NodeJS.ProcessEnv,
): Promise<Result<Context>> {
  const admin = await findAdmin(flags, env)
  if (!admin.ok) return admin
  const client = new AdminClient(admin.value)
  return success({ client, output: flags.output ?? 'table', colour: wantsColour(flags, env) })
}

/** The service that is meant: the named one, the only one, or the one called `default`. */
export async function pickService(
  { client }: Context,
  name: string | undefined,
): Promise<Result<ServiceView>> {
  if (name !== undefined) return client.service(name)
  const all = await client.services()
  if (!all.ok) return all
  const [first, ...others] = all.value
  if (first !== undefined && others.length === 0) return success(first)
  const usual = all.value.find((service) => service.name === 'default')
  if (usual !== undefined) return success(usual)
  const names = all.value.map((service) => service.name).join(', ')
  const line =
    names === ''
      ? 'Cannot choose a service as at least one must be configured: current value is none'
      : `Cannot choose a service as there are ${all.value.length}: name one of ${names}`
  return failure(EXIT.usage, line)
}

/**
 * Splits the words of a verb whose first one, the service, may be left out.
 *
 * @param words one or two words; commander has refused everything else
 */
export function splitWords(words: readonly string[]): {
  service: string | undefined
  last: string
} {
  const [first = '', second] = words
  return second === undefined
    ? { service: undefined, last: first }
    : { service: first, last: second }
}

/** Prints what a change led to, and in a fleet how far it has come by then. */
export async function printChanged(context: Context, changed: Changed): Promise<void> {
  if (context.output === 'json') {
    process.stdout.write(`${JSON.stringify(changed, null, 2)}\n`)
    return
  }
  process.stdout.write(`${changed.note}\n${summaryLine(changed)}\n`)
  const { convergence = null } = changed
  if (convergence === null) return
  const asked = await context.client.node()
  const {
    awaySince = null,
    meaning = '',
    members = [],
  } = (asked.ok ? asked.value.fleet : null) ?? {}
  process.stdout.write(`${convergenceText(convergence, { awaySince, members })}\n`)
  if (meaning !== '') process.stdout.write(`${meaning}\n`)
}
