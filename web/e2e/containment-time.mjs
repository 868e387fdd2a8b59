/**
 * How long it takes from a record of CloudTrail until the key in it is inactive at (an emulator of) AWS, by a standing
 * order; then until it is verified here; and from an undo until it is active again, and proved to be.
 * `HUECRY_BINARY=…/huecry HUECRY_MOTO=$(.ci/moto) node e2e/containment-time.mjs [KEYS]`, on a machine that does nothing
 * else. The server is a demo with its live telemetry. Prints milliseconds.
 */
import { appendFileSync } from 'node:fs'
import { quarantined, trail } from './cloudtrail.mjs'
import { startMoto } from './moto.mjs'
import { apiOf, startServer } from './server.mjs'

const KEYS = Number(process.argv[2] ?? 60)
const LOOK_EVERY_MS = 10
const WAIT_MS_MAX = 60_000
/** The rule of a key that AWS has quarantined. */
const RULE = '27f12671-087d-4145-ab44-87009bfd8d20'

const moto = await startMoto()
if (!moto) throw new Error('HUECRY_MOTO names no emulator of AWS')
appendFileSync(
  moto.config,
  `[respond.limit]\ntargets = ${KEYS + 1}\n[[respond.automatic]]\nname = "time"\nrule = "${RULE}"\nsources = ["trail"]\n` +
    'action = "aws.deactivate_key"\ntarget = "{credential}"\nttl_minutes = 60\n',
)
const server = await startServer(moto)
const api = apiOf(server)
const times = { 'record to inactive': [], 'record to verified': [], 'undo to active': [], 'undo to proved': [] }
try {
  const link = await api('POST', '/api/v1/people/links', { body: { name: 'Ben', roles: ['responder'] } })
  const person = await enter(link.link)
  const send = await trail(server, api, 'trail')
  for (let number = 0; number < KEYS; number += 1) {
    const user = `user-${number}`
    const key = await moto.keyOf(user)
    let begun = performance.now()
    await send(quarantined(user, key))
    times['record to inactive'].push(await until(begun, async () => (await moto.status(user)) === 'Inactive'))
    const found = `/api/v1/containments?target=${key}`
    const of = async () => (await api('GET', found)).items[0]
    times['record to verified'].push(await until(begun, async () => (await of())?.state === 'verified'))
    const { id } = await of()
    begun = performance.now()
    await person('POST', `/api/v1/containments/${id}/undo`, { reason: 'A measurement.' })
    times['undo to active'].push(await until(begun, async () => (await moto.status(user)) === 'Active'))
    times['undo to proved'].push(await until(begun, async () => (await of()).state === 'reverted'))
  }
} finally {
  await server.stop()
  await moto.stop()
}
for (const [name, of] of Object.entries(times)) {
  of.sort((a, b) => a - b)
  const at = (part) => Math.round(of[Math.min(of.length - 1, Math.floor(of.length * part))] ?? NaN)
  console.log(`${name}: n=${of.length} p50=${at(0.5)} p95=${at(0.95)} max=${at(1)}`)
}

async function until(begun, is) {
  for (;;) {
    if (await is()) return performance.now() - begun
    if (performance.now() - begun > WAIT_MS_MAX) throw new Error('it took too long')
    await new Promise((resolve) => setTimeout(resolve, LOOK_EVERY_MS))
  }
}

/** Signs in by the link; asks as that person. */
async function enter(link) {
  const secret = link.split('#')[1]
  const json = { 'content-type': 'application/json' }
  const body = JSON.stringify({ link: secret, name: 'Ben' })
  const answer = await fetch(`${server.api}/api/v1/session`, { method: 'POST', headers: json, body })
  const cookie = answer.headers.get('set-cookie').split(';')[0]
  const { csrf } = await answer.json()
  return async (method, path, said) => {
    const headers = { ...json, cookie, 'x-csrf-token': csrf }
    const answered = await fetch(server.api + path, { method, headers, body: JSON.stringify(said) })
    if (!answered.ok) throw new Error(`${path}: ${answered.status}: ${await answered.text()}`)
  }
}
