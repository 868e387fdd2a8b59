import { call, callJson } from '../api/client'

/** A SELECT; what a reader typed elsewhere is a parameter, never a part of it. */
export interface Asked {
  sql: string
  parameters: unknown[]
}

export interface Answer {
  columns: string[]
  rows: unknown[][]
  truncated: boolean
}

export function ask(asked: Asked, signal?: AbortSignal, rows_max?: number): Promise<Answer> {
  const body = { sql: asked.sql, parameters: asked.parameters, limits: rows_max ? { rows: rows_max } : undefined }
  return callJson<Answer>('POST', '/api/v1/query', { body, signal })
}

export const EXPORTS = [
  { format: 'csv', word: 'CSV', ending: 'csv' },
  { format: 'ndjson', word: 'JSON lines', ending: 'ndjson' },
  { format: 'parquet', word: 'Parquet', ending: 'parquet' },
] as const

export type ExportFormat = (typeof EXPORTS)[number]['format']

/** Most rows of an export; the server may allow fewer, and says so in the file. */
const EXPORT_ROWS_MAX = 100_000

/** Downloads an answer; `onProgress` hears the bytes so far. */
export async function download(
  asked: Asked,
  format: ExportFormat,
  onProgress: (bytes: number) => void,
  signal: AbortSignal,
): Promise<Blob> {
  const body = { ...asked, format, limits: { rows: EXPORT_ROWS_MAX } }
  const response = await call('POST', '/api/v1/query', { body, signal })
  const chunks: BlobPart[] = []
  let bytes = 0
  const reader = response.body?.getReader()
  for (let part = await reader?.read(); part && !part.done; part = await reader?.read()) {
    chunks.push(part.value)
    bytes += part.value.length
    onProgress(bytes)
  }
  return new Blob(chunks, { type: response.headers.get('content-type') ?? '' })
}

/** Hands a file to the reader's downloads. */
export function save(blob: Blob, name: string): void {
  const url = URL.createObjectURL(blob)
  const link = document.createElement('a')
  link.href = url
  link.download = name
  link.click()
  setTimeout(() => URL.revokeObjectURL(url), 10_000)
}

/** A cell as text; times in UTC as they are stored. */
export function cellText(value: unknown): string {
  if (value === null || value === undefined) return ''
  return typeof value === 'object' ? JSON.stringify(value) : String(value)
}
