import type { components } from './schema'

/** Who changed what before us, in the body of a refused edit. */
export interface OtherChange {
  by: string
  at_ms: number
  changes: { field: string; before: unknown; after: unknown }[]
}

export type Incident = components['schemas']['IncidentView']

/** What is wrong with one field of a form. */
export interface FieldFault {
  field: string
  message: string
}

type ProblemBody = Partial<components['schemas']['ProblemBody']> & {
  current?: unknown
  other?: OtherChange
  errors?: FieldFault[]
}

/** An answer that is not the one asked for: RFC 9457 with the product's `code` and `hint`. */
export class ApiError extends Error {
  readonly status: number
  readonly code: string
  readonly title: string
  readonly detail: string
  readonly hint: string
  readonly requestId: string
  readonly current: unknown
  readonly other: OtherChange | undefined
  readonly faults: readonly FieldFault[]

  constructor(status: number, body: ProblemBody) {
    super(body.detail || body.title || `HTTP ${String(status)}`)
    this.status = status
    this.code = body.code ?? `http_${String(status)}`
    this.title = body.title ?? 'the server answered with an error'
    this.detail = body.detail ?? ''
    this.hint = body.hint ?? ''
    this.requestId = body.request_id ?? ''
    this.current = body.current
    this.other = body.other
    this.faults = Array.isArray(body.errors) ? body.errors : []
  }

  /** No answer at all. */
  static unreachable(cause: unknown): ApiError {
    return new ApiError(0, {
      code: 'unreachable',
      title: 'the server does not answer',
      detail: cause instanceof Error ? cause.message : String(cause),
      hint: 'look whether huecry runs and whether you are on its network; this page tries again by itself',
    })
  }
}

/** Whether the server has no such route (an older one, or a part that is not there yet). */
export function isMissingRoute(error: unknown): boolean {
  if (!(error instanceof ApiError)) return false
  if (error.status === 405) return true
  return error.status === 404 && error.detail.startsWith('there is no route')
}

/** Whether the server has the route, and not the thing. */
export function isAbsent(error: unknown): boolean {
  return error instanceof ApiError && error.status === 404 && !isMissingRoute(error)
}

export function isForbidden(error: unknown): boolean {
  return error instanceof ApiError && error.status === 403
}

/** Whether someone else was faster. */
export function isConflict(error: unknown): error is ApiError {
  return error instanceof ApiError && (error.status === 409 || error.status === 412) && error.current !== undefined
}

/** Reads a failed answer's body, whatever it is. */
export async function errorOf(response: Response): Promise<ApiError> {
  const text = await response.text().catch(() => '')
  try {
    return new ApiError(response.status, JSON.parse(text) as ProblemBody)
  } catch {
    return new ApiError(response.status, { detail: text.slice(0, 300) })
  }
}
