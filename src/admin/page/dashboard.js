// The dashboard: what `vertex status -w` shows, in a browser. It asks the admin API once a second
// and draws the answer; it only looks and never changes anything. All text goes in as text, never
// as HTML.

const POLL_MS = 1000
const HISTORY = 120
const DECISIONS_SHOWN = 25
const KINDS =
  'start,config,rollout,raise,weight,hold,pause,resume,promoted,aborted,rolled-back,quarantine,retry,targets,target,thread,page'
const HEAD = [
  '',
  'version',
  'weight',
  'req/s',
  'errors',
  'p50',
  'p90',
  'p99',
  'in flight',
  'targets',
  '2 min',
]
const NODE_HEAD = ['node', 'state', 'release', 'clock', 'listens on', 'has not confirmed']
const TONES = { promoted: 'good', 'rolled-back': 'bad', aborted: 'bad', quarantine: 'bad' }

const byId = (id) => document.getElementById(id)

/** Requests and errors a second by service and version, newest last. */
const history = new Map()
const decisions = []
let lastSeq = null

function element(name, options = {}, children = []) {
  const { text, tone, ...attributes } = options
  const made = document.createElement(name)
  if (text !== undefined) made.textContent = text
  if (tone !== undefined) made.className = tone
  for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value)
  made.append(...children)
  return made
}

const percent = (value) => `${Number(value.toFixed(2))} %`
const milliseconds = (value) =>
  value === null ? '–' : `${value >= 100 ? value.toFixed(0) : value.toFixed(1)} ms`

function remember(service, { version, stats }) {
  const key = `${service}\n${version}`
  const points = history.get(key) ?? []
  points.push({ rate: stats.rate, errors: stats.rate * stats.errorRate })
  history.set(key, points.slice(-HISTORY))
  return history.get(key)
}

/** Requests a second as a line, errors a second below it in red, on one scale. */
function sparkline(points) {
  const width = 120
  const height = 24
  const top = Math.max(1, ...points.map(({ rate }) => rate))
  const made = (name, attributes) => {
    const node = document.createElementNS('http://www.w3.org/2000/svg', name)
    for (const [key, value] of Object.entries(attributes)) node.setAttribute(key, value)
    return node
  }
  const line = (read, tone) => {
    const places = points.map((point, i) => {
      const x = ((i + HISTORY - points.length) / (HISTORY - 1)) * width
      return `${x.toFixed(1)},${(height - 1 - (read(point) / top) * (height - 2)).toFixed(1)}`
    })
    return made('polyline', { points: places.join(' '), class: tone })
  }
  const label = `up to ${top.toFixed(0)} requests a second`
  const svg = made('svg', { width, height, role: 'img', 'aria-label': label })
  svg.append(line(({ rate }) => rate, 'rate'))
  if (points.some(({ errors }) => errors > 0)) svg.append(line(({ errors }) => errors, 'errors'))
  return svg
}

function versionRow(service, role, view) {
  const { stats, targets, weight } = view
  const healthy = targets.filter((target) => target.healthy).length
  const bar = element('meter', { min: 0, max: 100, value: weight, 'aria-label': 'weight' })
  return element('tr', {}, [
    element('td', { text: role, tone: 'soft' }),
    element('td', {}, [element('b', { text: view.version })]),
    element('td', {}, [bar, ` ${percent(weight)}`]),
    element('td', { text: stats.rate.toFixed(stats.rate < 100 ? 1 : 0) }),
    element('td', {
      text: percent(stats.errorRate * 100),
      tone: stats.errors > 0 ? 'bad' : 'good',
    }),
    ...[stats.p50, stats.p90, stats.p99].map((ms) => element('td', { text: milliseconds(ms) })),
    element('td', { text: stats.inFlight }),
    element('td', {
      text: `${healthy}/${targets.length}`,
      tone: healthy < targets.length ? 'bad' : 'good',
    }),
    element('td', {}, [sparkline(remember(service, view))]),
  ])
}

function rolloutText(rollout) {
  if (rollout === null) return 'no rollout'
  const { phase, step, steps, paused } = rollout
  const plan = steps.map(({ weight }) => weight).join(' → ')
  const where = phase === 'manual' ? '' : `, step ${step} of ${steps.length} (${plan} %)`
  return `${phase}${where}${paused ? ', paused' : ''}`
}

function notes({ rollout, ended, previous, quarantine }) {
  const lines = []
  if (rollout !== null) {
    lines.push(element('p', { text: rollout.reason }))
    for (const { text } of rollout.evidence) lines.push(element('p', { text, tone: 'soft' }))
  } else if (ended !== null) {
    const text = `Last rollout ${ended.id} ${ended.ending}: ${ended.reason}`
    lines.push(element('p', { text, tone: ended.ending === 'promoted' ? 'good' : 'bad' }))
  }
  if (previous !== null) {
    const state = previous.healthy ? 'healthy' : 'not healthy'
    const text = `Previous ${previous.version}, ${state}, kept until ${previous.retainedUntil}`
    lines.push(element('p', { text, tone: 'soft' }))
  }
  for (const [version, { reason, at }] of Object.entries(quarantine)) {
    lines.push(element('p', { text: `Quarantined ${version} since ${at}: ${reason}`, tone: 'bad' }))
  }
  return lines
}

function serviceSection(service) {
  const { name, revision, stable, candidate, rollout } = service
  const rows = []
  if (stable !== null) rows.push(versionRow(name, 'stable', stable))
  if (candidate !== null) rows.push(versionRow(name, 'candidate', candidate))
  const head = HEAD.map((text) => element('th', { text, scope: 'col' }))
  const about = `revision ${revision}, ${rolloutText(rollout)}`
  return element('section', {}, [
    element('h2', { text: `${name} ` }, [element('small', { text: about })]),
    element('div', { tone: 'scroll' }, [
      element('table', {}, [
        element('thead', {}, [element('tr', {}, head)]),
        element('tbody', {}, rows),
      ]),
    ]),
    ...notes(service),
  ])
}

const elapsed = (ms) =>
  ms < 1000
    ? `${Math.round(ms)} ms`
    : ms < 120_000
      ? `${Math.round(ms / 1000)} s`
      : `${Math.round(ms / 60_000)} min`

function standingText({ leader, node, standing }) {
  if (standing === 'leading') return `${node} leads`
  if (standing === 'cut-off') return `${node} is cut off`
  return `${node} follows${leader === null ? '' : ` ${leader}`}`
}

/** What each state of a node is called; without Redis nobody else is heard of. */
function nodeState({ isLive, isSelf, node, silentMs }, { awaySince, leader, standing }) {
  if (awaySince !== null && !isSelf) return { text: 'not heard of', tone: 'bad' }
  if (isSelf && standing === 'cut-off') return { text: 'cut off', tone: 'bad' }
  if (!isLive) return { text: `silent for ${elapsed(silentMs)}`, tone: 'bad' }
  return { text: node === leader ? 'leads' : 'live', tone: 'good' }
}

/** The changes that a node has not confirmed, such as `shop 7`. */
function missing({ isLive, node }, { awaySince, services }) {
  return services
    .filter(({ applied, waiting }) => {
      const isOut = !isLive || awaySince !== null
      return waiting.includes(node) || (isOut && !applied.some((one) => one.node === node))
    })
    .map(({ revision, service }) => `${service} ${revision}`)
    .join(', ')
}

function nodeRow(member, fleet) {
  const { clockAheadMs, isSelf, listen, node, version } = member
  const own = fleet.members.find((one) => one.isSelf)
  const isOther = own !== undefined && own.version !== version
  const ahead = Math.round(clockAheadMs)
  return element('tr', {}, [
    element('td', {}, [element('b', { text: node }), isSelf ? ' (this)' : '']),
    element('td', nodeState(member, fleet)),
    element('td', { text: version, tone: isOther ? 'bad' : '' }),
    element('td', {
      text: `${ahead < 0 ? '−' : ahead > 0 ? '+' : ''}${elapsed(Math.abs(ahead))}`,
      tone: Math.abs(ahead) < 1000 ? '' : 'bad',
    }),
    element('td', { text: listen }),
    element('td', { text: missing(member, fleet), tone: 'bad' }),
  ])
}

/** The heading, what is degraded in words, and a row a node. */
function fleetParts(fleet) {
  const { awaySince, mayNotRaise, meaning, members, redis, standing } = fleet
  const there = awaySince === null ? 'is there' : `is away since ${awaySince}`
  const held = mayNotRaise === null || standing === 'following' ? '' : mayNotRaise
  const trouble = meaning !== '' ? meaning : held === '' ? '' : `raises no weight as ${held}`
  const head = NODE_HEAD.map((text) => element('th', { text, scope: 'col' }))
  const about = `${standingText(fleet)}, Redis at ${redis} ${there}`
  return [
    element('h2', { text: 'Fleet ' }, [element('small', { text: about })]),
    ...(trouble === '' ? [] : [element('p', { text: `Degraded: ${trouble}`, tone: 'bad' })]),
    element('div', { tone: 'scroll' }, [
      element('table', {}, [
        element('thead', {}, [element('tr', {}, head)]),
        element(
          'tbody',
          {},
          members.map((member) => nodeRow(member, fleet)),
        ),
      ]),
    ]),
  ]
}

function drawNode(node) {
  const { degraded, draining, fleet, listen, ready, threads } = node
  const isDegraded = degraded.length > 0 || (fleet !== null && fleet.meaning !== '')
  const state = draining ? 'draining' : ready ? 'ready' : 'not ready'
  const word = isDegraded ? `${state} but degraded` : state
  const count = `${threads.length} thread${threads.length === 1 ? '' : 's'}`
  byId('state').textContent = [`${word}, ${listen}, ${count}`, ...degraded].join('; ')
  byId('state').className = isDegraded || !ready ? 'bad' : ''
  byId('fleet').hidden = fleet === null
  byId('fleet').replaceChildren(...(fleet === null ? [] : fleetParts(fleet)))
}

function drawDecisions() {
  const items = decisions.map(({ at, kind, service, text }) =>
    element('li', {}, [
      element('time', { text: new Date(at).toLocaleTimeString(), datetime: at }),
      element('b', {
        text: service === null ? kind : `${service} ${kind}`,
        tone: TONES[kind] ?? '',
      }),
      text,
    ]),
  )
  byId('journal').replaceChildren(...items)
}

async function ask(path) {
  const token = sessionStorage.getItem('token')
  const headers = token === null ? {} : { authorization: `Bearer ${token}` }
  const answer = await fetch(path, { headers, signal: AbortSignal.timeout(8000) })
  byId('token').hidden = answer.status !== 401
  const body = await answer.json()
  if (!answer.ok) throw new Error(body.detail ?? `the admin API answered ${answer.status}`)
  return body
}

async function look() {
  const after = lastSeq === null ? '' : `&after=${lastSeq}`
  const [{ services }, node, page] = await Promise.all([
    ask('/v1/services'),
    ask('/v1/node'),
    ask(`/v1/journal?kind=${KINDS}&limit=${lastSeq === null ? DECISIONS_SHOWN : 1000}${after}`),
  ])
  byId('services').replaceChildren(...services.map(serviceSection))
  lastSeq = page.last ?? lastSeq ?? 0
  if (page.entries.length > 0) {
    decisions.unshift(...page.entries.toReversed())
    decisions.length = Math.min(decisions.length, DECISIONS_SHOWN)
    drawDecisions()
  }
  drawNode(node)
}

async function loop() {
  try {
    if (!document.hidden) await look()
  } catch (error) {
    byId('state').textContent = error.message
    byId('state').className = 'bad'
  }
  setTimeout(loop, POLL_MS)
}

byId('token').addEventListener('submit', (event) => {
  event.preventDefault()
  sessionStorage.setItem('token', new FormData(event.target).get('token'))
})
await loop()
