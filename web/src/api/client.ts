import createClient from 'openapi-fetch'
import { ApiError, errorOf } from './problem'
import type { paths } from './schema'

/**
 * What proves who we are. A session is a cookie that no script reads, with `csrf` beside it; a token is kept for this
 * tab only.
 */
interface Credentials {
  csrf: string | null
  token: string | null
}

const TOKEN_KEY = 'huecry.token'
const credentials: Credentials = { csrf: null, token: readToken() }
const signedOutListeners = new Set<() => void>()

function readToken(): string | null {
  return typeof sessionStorage === 'undefined' ? null : sessionStorage.getItem(TOKEN_KEY)
}

export function setCsrf(csrf: string | null): void {
  credentials.csrf = csrf
}

export function setToken(token: string | null): void {
  credentials.token = token
  if (token === null) sessionStorage.removeItem(TOKEN_KEY)
  else sessionStorage.setItem(TOKEN_KEY, token)
}

export function hasToken(): boolean {
  return credentials.token !== null
}

/** Calls back when the server no longer knows us. */
export function onSignedOut(listener: () => void): () => void {
  signedOutListeners.add(listener)
  return () => signedOutListeners.delete(listener)
}

async function reach(request: Request): Promise<Response> {
  try {
    return await fetch(request)
  } catch (cause) {
    if (cause instanceof DOMException && cause.name === 'AbortError') throw cause
    throw ApiError.unreachable(cause)
  }
}

/** Whether the session is another one than this page knows, since another tab signed in; then learns its `csrf`. */
async function wantsCsrf(refused: Response): Promise<boolean> {
  const problem = await errorOf(refused)
  if (!problem.code.startsWith('csrf_token')) return false
  const session = await reach(new Request(new URL('/api/v1/session', location.origin), { credentials: 'same-origin' }))
  if (!session.ok) return false
  credentials.csrf = ((await session.json()) as { csrf: string }).csrf
  return true
}

/**
 * `fetch` with our credentials; with `credentials: 'omit'`, with none of any kind. Throws [`ApiError`] when there is no
 * answer; an answer of any status is returned.
 */
export async function send(input: Request | string, init?: RequestInit): Promise<Response> {
  const request = new Request(input, { credentials: 'same-origin', ...init })
  if (request.credentials === 'omit') return reach(request)
  if (credentials.token) request.headers.set('Authorization', `Bearer ${credentials.token}`)
  const unsafe = request.method !== 'GET' && request.method !== 'HEAD'
  const spare = unsafe ? request.clone() : null
  if (unsafe && credentials.csrf) request.headers.set('X-CSRF-Token', credentials.csrf)
  let response = await reach(request)
  if (spare && response.status === 403 && (await wantsCsrf(response.clone())) && credentials.csrf) {
    spare.headers.set('X-CSRF-Token', credentials.csrf)
    response = await reach(spare)
  }
  if (response.status === 401 && !new URL(request.url).pathname.startsWith('/api/v1/session')) {
    for (const listener of signedOutListeners) listener()
  }
  return response
}

/** The API as `schemas/openapi.json` describes it. */
export const api = createClient<paths>({
  baseUrl: globalThis.location?.origin ?? '',
  fetch: (request) => send(request),
})

interface Answer<T> {
  data?: T
  error?: unknown
  response: Response
}

/** The data of an answer, or its problem thrown. */
export async function unwrap<T>(answer: Promise<Answer<T>>): Promise<T> {
  const { data, error, response } = await answer
  if (!response.ok || error !== undefined) throw new ApiError(response.status, (error ?? {}) as object)
  return data as T
}

export interface CallOptions {
  query?: Record<string, string | number | boolean | undefined>
  body?: unknown
  ifMatch?: number
  headers?: Record<string, string>
  /** As nobody: no cookie, no token. */
  anonymous?: boolean
  signal?: AbortSignal
}

/** Any route by its path; for those that the description does not have, and for texts. */
export async function call(method: string, path: string, options: CallOptions = {}): Promise<Response> {
  const search = new URLSearchParams()
  for (const [key, value] of Object.entries(options.query ?? {})) {
    if (value !== undefined && value !== '') search.set(key, String(value))
  }
  const query = search.size > 0 ? `?${search.toString()}` : ''
  const headers = new Headers(options.headers)
  if (options.body !== undefined) headers.set('Content-Type', 'application/json')
  if (options.ifMatch !== undefined) headers.set('If-Match', `"${String(options.ifMatch)}"`)
  const body = options.body === undefined ? undefined : JSON.stringify(options.body)
  const response = await send(new URL(path + query, location.origin).href, {
    method,
    headers,
    body,
    credentials: options.anonymous ? 'omit' : 'same-origin',
    signal: options.signal,
  })
  if (!response.ok) throw await errorOf(response)
  return response
}

export async function callJson<T>(method: string, path: string, options?: CallOptions): Promise<T> {
  const response = await call(method, path, options)
  return response.status === 204 ? (undefined as T) : ((await response.json()) as T)
}
