/** AWS, as far as the emulator moto is it: users, their access keys, and whether these are active. */
import { spawn } from 'node:child_process'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

const START_MS_MAX = 60_000
const OWN_KEY = 'AKIAIOSFODNN7EXAMPLE'
const SECRET_NAME = 'HUECRY_E2E_AWS_SECRET'

/** Starts it; `config` is a configuration in which it is connected, for `startServer`. Null where there is none. */
export async function startMoto() {
  const program = process.env.HUECRY_MOTO
  if (!program) {
    if (process.env.HUECRY_REQUIRE_ALL) throw new Error('HUECRY_MOTO names no emulator of AWS')
    return null
  }
  const port = await freePort()
  const child = spawn(program, ['-H', '127.0.0.1', '-p', String(port)], { stdio: 'ignore' })
  const url = `http://127.0.0.1:${port}`
  const folder = mkdtempSync(join(tmpdir(), 'huecry-e2e-aws-'))
  const config = join(folder, 'huecry.toml')
  writeFileSync(
    config,
    `[respond.connections.aws]\naws_iam_url = "${url}"\naws_access_key_id = "${OWN_KEY}"\n` +
      `aws_secret_access_key = { env = "${SECRET_NAME}" }\n`,
  )
  const stop = async () => {
    child.kill()
    if (child.exitCode === null && child.signalCode === null)
      await new Promise((resolve) => child.once('exit', resolve))
    rmSync(folder, { recursive: true, force: true })
  }
  try {
    await up(url)
  } catch (error) {
    await stop()
    throw error
  }
  return {
    config,
    env: { [SECRET_NAME]: 'wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY' },
    keyOf: async (user) => {
      await ask(url, { Action: 'CreateUser', UserName: user })
      return between(await ask(url, { Action: 'CreateAccessKey', UserName: user }), 'AccessKeyId')
    },
    status: async (user) => between(await ask(url, { Action: 'ListAccessKeys', UserName: user }), 'Status'),
    stop,
  }
}

/** The emulator takes any signature, and reads from it which service is meant. */
async function ask(url, parameters) {
  const scope = `${OWN_KEY}/20261127/us-east-1/iam/aws4_request`
  const answer = await fetch(url, {
    method: 'POST',
    headers: {
      authorization: `AWS4-HMAC-SHA256 Credential=${scope}, SignedHeaders=host, Signature=0`,
      'content-type': 'application/x-www-form-urlencoded',
    },
    body: new URLSearchParams({ ...parameters, Version: '2010-05-08' }).toString(),
  })
  const body = await answer.text()
  if (!answer.ok) throw new Error(`${parameters.Action}: HTTP ${answer.status}: ${body}`)
  return body
}

function between(body, tag) {
  return new RegExp(`<${tag}>([^<]*)</${tag}>`).exec(body)?.[1]
}

async function freePort() {
  const server = createServer()
  await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve))
  const { port } = server.address()
  await new Promise((resolve) => server.close(resolve))
  return port
}

async function up(url) {
  const until = Date.now() + START_MS_MAX
  for (;;) {
    try {
      return await fetch(url)
    } catch (error) {
      if (Date.now() > until) throw error
      await new Promise((resolve) => setTimeout(resolve, 100))
    }
  }
}
