/** Signed checkpoints: C2SP signed notes over the root of the tree. */

import { concat, fromBase64, same, sha256, toHex, utf8, type Bytes } from './bytes'

export interface Checkpoint {
  origin: string
  size: number
  root: Bytes
  time_ms: number
}

export interface Key {
  name: string
  id: Bytes
  bytes: Bytes
}

const ED25519 = new Uint8Array([1])

/** `name+<key id>+<base64 of 0x01 ‖ key>`; throws where the id is not that of the key. */
export async function readKey(text: string): Promise<Key> {
  const match = /^(.+)\+([0-9a-f]{8})\+([A-Za-z0-9+/=]+)$/.exec(text.trim())
  if (!match?.[1] || !match[2] || !match[3]) throw new Error('this is no public key of an audit log')
  const tagged = fromBase64(match[3])
  if (tagged.length !== 33 || tagged[0] !== 1) throw new Error('the key is not of Ed25519')
  const bytes = tagged.slice(1)
  const id = (await sha256(utf8(`${match[1]}\n`), ED25519, bytes)).slice(0, 4)
  if (toHex(id) !== match[2]) throw new Error('the key and its id do not belong together')
  return { name: match[1], id, bytes }
}

export function readCheckpoint(note: string): Checkpoint {
  const [origin, size, root, ...more] = (note.split('\n\n')[0] ?? '').split('\n')
  const time = more.find((line) => line.startsWith('time_ms '))
  if (!origin || !size || !root || !/^\d+$/.test(size) || !time) throw new Error('this is no checkpoint')
  return { origin, size: Number(size), root: fromBase64(root), time_ms: Number(time.slice(8)) }
}

/** Reads a checkpoint that `key` signed; throws where it did not. */
export async function verified(note: string, key: Key): Promise<Checkpoint> {
  const end = note.indexOf('\n\n')
  const text = note.slice(0, end + 1)
  const checkpoint = readCheckpoint(note)
  if (end < 0 || checkpoint.origin !== key.name) throw new Error('the checkpoint is of another log')
  const line = note
    .slice(end + 2)
    .split('\n')
    .find((each) => each.startsWith(`— ${key.name} `))
  if (!line) throw new Error('the checkpoint has no signature of this log')
  const signature = fromBase64(line.slice(`— ${key.name} `.length))
  if (!same(signature.slice(0, 4), key.id)) throw new Error('the checkpoint is signed with another key')
  const imported = await crypto.subtle.importKey('raw', concat(key.bytes), 'Ed25519', false, ['verify'])
  const good = await crypto.subtle.verify('Ed25519', imported, signature.slice(4), utf8(text))
  if (!good) throw new Error('the signature of the checkpoint is wrong')
  return checkpoint
}
