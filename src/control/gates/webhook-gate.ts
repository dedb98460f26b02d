// A gate that is a question over HTTP: one POST that tells of the candidate, and a status of 2xx
// lets it pass. A token is read from its file at each call, so that a new one needs no reload; it
// appears in no report.

import { readFile } from 'node:fs/promises'
import { resolve } from 'node:path'
import type { Gate } from '../../core/gate.ts'
import { reasonOf } from '../check-request.ts'
import { undici } from '../undici.ts'
import { failure, type Finding, type GateTask } from './gate-task.ts'

/** Of an answer so much is read for the report. */
const KEPT_BYTES = 1024

async function beginningOf(body: AsyncIterable<Buffer>): Promise<string> {
  const chunks: Buffer[] = []
  let bytes = 0
  for await (const chunk of body) {
    chunks.push(chunk)
    bytes += chunk.length
    if (bytes >= KEPT_BYTES) break // leaving the loop destroys the body
  }
  return Buffer.concat(chunks).toString('utf8').slice(0, KEPT_BYTES)
}

async function headersFor(tokenFile: string | null, directory: string) {
  const headers = { 'content-type': 'application/json', 'user-agent': 'vertex-gate' }
  if (tokenFile === null) return headers
  const token = (await readFile(resolve(directory, tokenFile), 'utf8')).trim()
  return { ...headers, authorization: `Bearer ${token}` }
}

/** Asks once; the signal ends it early. */
export async function askWebhook(
  gate: Extract<Gate, { kind: 'webhook' }>,
  task: GateTask,
  signal: AbortSignal,
): Promise<Finding> {
  try {
    const headers = await headersFor(gate.tokenFile, task.directory)
    const { body, statusCode } = await undici().request(gate.url, {
      ...{ method: 'POST', headers, signal },
      body: JSON.stringify({ gate: gate.name, ...task.subject }),
      headersTimeout: gate.timeoutMs,
      bodyTimeout: gate.timeoutMs,
    })
    const said = await beginningOf(body as AsyncIterable<Buffer>)
    const reason = `status ${statusCode}`
    const details = { status: statusCode, said }
    const passed = statusCode >= 200 && statusCode < 300
    return passed ? { passed, reason, details } : failure(reason, details)
  } catch (error) {
    // The message may hold the path of the token's file or the URL: neither is a secret.
    return failure(`it could not be asked: ${reasonOf(error as NodeJS.ErrnoException)}`)
  }
}
