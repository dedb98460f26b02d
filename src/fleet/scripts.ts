// What is done in Redis in one piece, as Lua. A script is one step for everybody else, so a
// document is compared and replaced without anyone in between.
//
// Every look at a document finds out which server process holds it. A restart or a fail-over can
// lose what had been accepted; so when it is another process than at the last look, the document's
// term is raised and what it held at that moment is kept as `base`. Whoever comes first does it.

import { createHash } from 'node:crypto'
import { FORMAT } from '../core/fleet/document-form.ts'

export interface Script {
  readonly name: string
  readonly text: string
  readonly sha: string
}

function script(name: string, ...parts: readonly string[]): Script {
  const text = parts.join('\n')
  return { name, text, sha: createHash('sha1').update(text).digest('hex') }
}

const NOW = `
local function now_ms()
  local t = redis.call('TIME')
  return t[1] * 1000 + math.floor(t[2] / 1000)
end
local function int(n) return string.format('%.0f', n) end`

/** `held` answers with a kind and, for a document, with its fields; it raises the term. */
const HELD = `
local function int(n) return string.format('%.0f', n) end
local run = string.match(redis.call('INFO', 'server'), 'run_id:(%w+)')
-- Terms are of the server's time, with some of its process behind it: two servers that know nothing
-- of each other, as behind a fail-over, begin no same one.
local function term_after(known)
  local t = redis.call('TIME')
  return math.max(known, t[1] * 1000000 + t[2]) + 1 + tonumber(string.sub(run, 1, 3), 16)
end
local function held(key, known)
  local h = redis.pcall('HMGET', key, 'format', 'term', 'server', 'base', 'docTerm', 'epoch',
    'writer', 'save', 'lease', 'body')
  if h.err then
    if not string.find(h.err, 'WRONGTYPE', 1, true) then return 'error', h end
    return 'type', redis.call('TYPE', key).ok
  end
  if not h[1] then
    if redis.call('EXISTS', key) == 0 then return 'nothing' end
    return 'lacks', 'format'
  end
  local format = tonumber(h[1])
  if not format then return 'lacks', 'format' end
  if format > ${FORMAT} then return 'newer', h[1] end
  local d = { term = tonumber(h[2]), docTerm = tonumber(h[5]), epoch = tonumber(h[6]),
    save = tonumber(h[8]), lease = tonumber(h[9]), base = h[4], writer = h[7], body = h[10] }
  for _, name in ipairs({ 'term', 'docTerm', 'epoch', 'save', 'lease', 'base', 'writer',
    'body' }) do
    if not d[name] then return 'lacks', name end
  end
  d.position = int(d.docTerm) .. '.' .. int(d.epoch) .. '.' .. d.writer
  if h[3] ~= run or known > d.term then
    d.term = term_after(math.max(d.term, known))
    d.base = d.position
    redis.call('HSET', key, 'term', int(d.term), 'server', run, 'base', d.base)
  end
  return 'document', d
end
local function place(d)
  return { 'document', int(d.term), int(d.docTerm), int(d.epoch), d.writer, int(d.save) }
end
local function whole(d)
  local answer = place(d)
  answer[7] = d.base
  answer[8] = d.body
  return answer
end`

/** KEYS: a document; ARGV: the largest term that is known. */
export const READ = script(
  'read',
  HELD,
  `
local kind, d = held(KEYS[1], tonumber(ARGV[1]))
if kind == 'error' then return d end
if kind == 'document' then return whole(d) end
return { kind, d }`,
)

/** KEYS: documents; ARGV: for each the largest term that is known. */
export const POSITIONS = script(
  'positions',
  HELD,
  `
local answers = {}
for i, key in ipairs(KEYS) do
  local kind, d = held(key, tonumber(ARGV[i]))
  if kind == 'error' then return d end
  answers[i] = kind == 'document' and place(d) or { kind, d }
end
return answers`,
)

/**
 * KEYS: a document. ARGV: the largest term that is known; the position that is expected, empty for
 * nothing; epoch; writer; the lease's number, empty for none; the body; the channel; the service;
 * the largest body that is published.
 */
export const PROPOSE = script(
  'propose',
  HELD,
  `
local known, expected, epoch, writer = tonumber(ARGV[1]), ARGV[2], tonumber(ARGV[3]), ARGV[4]
local lease, body, channel, service = tonumber(ARGV[5]), ARGV[6], ARGV[7], ARGV[8]
local kind, d = held(KEYS[1], known)
if kind == 'error' then return d end
if kind == 'nothing' then
  if expected ~= '' then return { 'conflict', { 'nothing' } } end
  d = { term = term_after(known), base = '', lease = 0, save = 0, epoch = -1 }
  -- What is begun by who knows nothing is of term 1: below whatever others may put back.
  if known == 0 then d.first, d.base = 1, '1.' .. int(epoch) .. '.' .. writer end
elseif kind ~= 'document' then
  return { kind, d }
else
  if lease and lease < d.lease then return { 'fenced', int(d.lease), whole(d) } end
  if expected ~= d.position then return { 'conflict', whole(d) } end
  if epoch < d.epoch then return { 'back', int(d.epoch) } end
end
local new = epoch ~= d.epoch
if new then d.docTerm, d.epoch, d.writer = d.first or d.term, epoch, writer end
d.save = d.save + 1
d.lease = math.max(d.lease, lease or 0)
redis.call('HSET', KEYS[1], 'format', '${FORMAT}', 'term', int(d.term), 'server', run,
  'base', d.base, 'docTerm', int(d.docTerm), 'epoch', int(d.epoch), 'writer', d.writer,
  'save', int(d.save), 'lease', int(d.lease), 'body', body)
local function json(position)
  local t, e, w = string.match(position, '^(%d+)%.(%d+)%.(.*)$')
  if not t then return 'null' end
  return '{"term":' .. t .. ',"epoch":' .. e .. ',"writer":' .. cjson.encode(w) .. '}'
end
local position = json(int(d.docTerm) .. '.' .. int(d.epoch) .. '.' .. d.writer)
local stored = 'null'
if new and #body <= tonumber(ARGV[9]) then
  stored = '{"position":' .. position .. ',"base":' .. json(d.base) .. ',"save":' .. int(d.save)
    .. ',"body":' .. body .. '}'
end
local told = redis.pcall('PUBLISH', channel, '{"message":"changed","format":${FORMAT},"service":'
  .. cjson.encode(service) .. ',"position":' .. position .. ',"save":' .. int(d.save)
  .. ',"stored":' .. stored .. '}')
local untold = type(told) == 'table' and told.err or ''
return { 'accepted', int(d.docTerm), int(d.epoch), d.writer, int(d.save), int(d.term), untold }`,
)

/**
 * Takes the lease or renews it. KEYS: the lease. ARGV: the owner, the node, milliseconds that it
 * is given for, the largest number that is known. A lease that seems to last longer than it can be
 * given for stems from a clock that was set back: it is cut short.
 */
export const HOLD = script(
  'hold',
  NOW,
  `
local owner, node, ttl, known = ARGV[1], ARGV[2], tonumber(ARGV[3]), tonumber(ARGV[4])
local now = now_ms()
local h = redis.call('HMGET', KEYS[1], 'owner', 'node', 'number', 'until')
local number, ends = tonumber(h[3]) or 0, tonumber(h[4]) or 0
if ends > now + ttl then
  ends = now + ttl
  redis.call('HSET', KEYS[1], 'until', int(ends))
end
local mine = h[1] == owner and number >= known
if ends > now and not mine and h[1] ~= owner then
  -- Redis has forgotten a number that others know: who holds the lease goes beyond it, or those
  -- would never believe him.
  if known > number then
    number = known + 1
    redis.call('HSET', KEYS[1], 'number', int(number))
  end
  return { 'refused', int(number), h[2] or '', int(ends - now) }
end
if not mine or ends <= now then number = math.max(number, known) + 1 end
redis.call('HSET', KEYS[1], 'owner', owner, 'node', node, 'number', int(number),
  'until', int(now + ttl))
return { 'granted', int(number) }`,
)

/** KEYS: the lease; ARGV: the owner. */
export const RELEASE = script(
  'release',
  `
if redis.call('HGET', KEYS[1], 'owner') ~= ARGV[1] then return 0 end
redis.call('HSET', KEYS[1], 'owner', '', 'until', '0')
return 1`,
)

/**
 * A heartbeat. KEYS: the nodes. ARGV: node, id, run, the entry as JSON, whether it is the first of
 * this run, milliseconds for which a node is live, and after which it is forgotten. An entry is
 * `<ms by the clock of Redis>|<id>|<run>|<JSON>`.
 */
export const BEAT = script(
  'beat',
  NOW,
  `
local node, id, run, entry, first = ARGV[1], ARGV[2], ARGV[3], ARGV[4], ARGV[5] == '1'
local live, forget = tonumber(ARGV[6]), tonumber(ARGV[7])
local now = now_ms()
local all = redis.call('HGETALL', KEYS[1])
local answer = { 'joined', int(now) }
for i = 1, #all, 2 do
  local at, itsId, itsRun = string.match(all[i + 1], '^(%d+)|([^|]*)|([^|]*)|')
  local age = at and now - at
  local isLive = age and age < live and age > -live
  local isOther = all[i] ~= node
  if not isOther and isLive and itsRun ~= run and not (first and itsId == id) then
    answer[1], isOther = 'taken', true
  end
  if not isOther then
    -- Ours, or of one who is gone: it is replaced below.
  elseif age and not isLive and (age >= forget or itsId == id) then
    redis.call('HDEL', KEYS[1], all[i])
  else
    answer[#answer + 1] = all[i]
    answer[#answer + 1] = all[i + 1]
  end
end
if answer[1] == 'joined' then
  redis.call('HSET', KEYS[1], node, int(now) .. '|' .. id .. '|' .. run .. '|' .. entry)
end
return answer`,
)

/** KEYS: the nodes; ARGV: node, run. */
export const LEAVE = script(
  'leave',
  `
local entry = redis.call('HGET', KEYS[1], ARGV[1])
if not entry then return 0 end
local run = string.match(entry, '^%d+|[^|]*|([^|]*)|')
if run ~= ARGV[2] then return 0 end
return redis.call('HDEL', KEYS[1], ARGV[1])`,
)
