// The routes about what happened: pages of the journal, and the same entries live as server-sent
// events. A stream that gives the id it saw last (Last-Event-ID, or `after`) is first told what it
// missed, at most 10,000 entries of it. A service that is not known is refused where nothing is
// found of it: an empty answer would look as if nothing had happened to it.

import type { FastifyInstance, FastifyReply } from 'fastify'
import { Type } from '../core/json-schema.ts'
import type { JournalEntry } from '../core/journal.ts'
import type { ControlLink } from './control-link.ts'
import type { EventFeed, Replay } from './event-feed.ts'
import { readJournalPage } from './journal-file.ts'
import { sendProblem, type WebProblem } from './problem-document.ts'
import * as form from './schemas.ts'

/** Entries of a page while a stream catches up: what is written before the reader is waited for. */
const REPLAY_ENTRIES = 200

/** The set of kinds in `a,b`; null when all are wanted. */
function readKinds(list: string | undefined): ReadonlySet<string> | null | WebProblem {
  if (list === undefined) return null
  const kinds = list.split(',').map((kind) => kind.trim())
  const unknown = kinds.find((kind) => !Object.hasOwn(form.KINDS, kind))
  if (unknown === undefined) return new Set(kinds)
  return {
    status: 400,
    code: 'invalid-query',
    title: 'Invalid query',
    detail: `Cannot read "kind" of the query as it names no kind of entry: current value is ${JSON.stringify(unknown)}`,
    allowed: Object.keys(form.KINDS),
  }
}

function replayFrom(stateDir: string): Replay {
  return (after) => readJournalPage(stateDir, { after, limit: REPLAY_ENTRIES, wanted: () => true })
}

/** A whole number, or null for anything else: a foreign Last-Event-ID is no reason to fail. */
function readSeq(value: string | string[] | undefined): number | null {
  return typeof value === 'string' && /^\d{1,15}$/.test(value) ? Number(value) : null
}

const TOO_MANY: WebProblem = {
  status: 503,
  code: 'too-many-streams',
  title: 'Too many event streams',
  detail: 'Cannot open another event stream as this node serves as many as it may',
}

function openStream(reply: FastifyReply): void {
  reply.hijack()
  reply.raw.writeHead(200, {
    'content-type': 'text/event-stream; charset=utf-8',
    'cache-control': 'no-store',
    'x-accel-buffering': 'no',
  })
}

export interface JournalSources {
  readonly feed: EventFeed
  readonly link: ControlLink
  readonly stateDir: string
}

/** The refusal of a service that is not configured; null when it is, or when nobody can say. */
async function unknownService(
  link: ControlLink,
  service: string | null | undefined,
): Promise<WebProblem | null> {
  if (service === null || service === undefined) return null
  const answer = await link.ask({ do: 'service', service })
  return answer.ok || answer.problem.status !== 404 ? null : answer.problem
}

function journalRoute(app: FastifyInstance, { link, stateDir }: JournalSources): void {
  app.get<{ Querystring: form.JournalQuery }>(
    '/v1/journal',
    {
      schema: {
        summary: 'Decisions with their evidence; without `after` the newest ones',
        tags: ['journal'],
        querystring: form.JournalQuery,
        response: { 200: form.JournalSchema, ...form.REFUSALS },
      },
    },
    async (request, reply) => {
      const { service, after = null, limit = 100, kind } = request.query
      const kinds = readKinds(kind)
      if (kinds !== null && 'code' in kinds) return sendProblem(reply, kinds)
      const wanted = (entry: JournalEntry): boolean =>
        (service === undefined || entry.service === service) &&
        (kinds === null || kinds.has(entry.kind))
      const page = await readJournalPage(stateDir, { after, limit, wanted })
      // A service that has left the file still has a past.
      const unknown = page.entries.length > 0 ? null : await unknownService(link, service)
      return unknown === null ? reply.send(page) : sendProblem(reply, unknown)
    },
  )
}

/** Registers `/v1/journal` and `/v1/events`. */
export function journalRoutes(app: FastifyInstance, sources: JournalSources): void {
  const { feed, link, stateDir } = sources
  journalRoute(app, sources)
  app.get<{ Querystring: form.EventsQuery }>(
    '/v1/events',
    {
      exposeHeadRoute: false, // there is no end to wait for
      schema: {
        summary: 'Decisions live, as server-sent events',
        tags: ['journal'],
        querystring: form.EventsQuery,
        response: {
          200: { content: { 'text/event-stream': { schema: Type.String() } } },
          ...form.REFUSALS,
        },
      },
    },
    async (request, reply) => {
      if (feed.isFull()) return sendProblem(reply, TOO_MANY)
      const { service = null, after } = request.query
      const unknown = await unknownService(link, service)
      if (unknown !== null) return sendProblem(reply, unknown)
      openStream(reply)
      const from = readSeq(request.headers['last-event-id']) ?? after ?? null
      try {
        await feed.add(reply.raw, { after: from, service, replay: replayFrom(stateDir) })
      } catch (error) {
        request.log.error({ error }, 'cannot replay the journal')
        reply.raw.destroy()
      }
      return reply
    },
  )
}
