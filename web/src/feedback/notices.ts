import { notifications } from '@mantine/notifications'
import { ApiError } from '../api/problem'

const SHOWN_MS = 6_000

export function noticeDone(message: string): void {
  notifications.show({ message, autoClose: SHOWN_MS, color: 'indigo' })
}

/** An error outside of any panel; it stays until it is closed. */
export function noticeError(what: string, error: unknown): void {
  const problem = error instanceof ApiError ? error : undefined
  const hint = problem?.hint ? ` ${problem.hint}.` : ''
  const detail = error instanceof Error ? error.message : String(error)
  notifications.show({ title: what, message: `${detail}.${hint}`, color: 'red', autoClose: false })
}
