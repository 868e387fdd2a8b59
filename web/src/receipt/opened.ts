/** The receipt that this page shows, whatever is opened beside it in the same browser. */
import { ApiError } from '../api/problem'
import { loadReceipt, openReceipt, type Receipt } from '../report/api'
import { heldSecret } from './secret'

/** Which report this page shows, and by which secret. */
interface Opened {
  secret: string | null
  report: string | null
}

const opened: Opened = { secret: null, report: null }

/** The session's hour is over, or another receipt was opened in this browser. */
function isClosed(error: unknown): boolean {
  return error instanceof ApiError && (error.status === 401 || error.status === 409)
}

async function open(secret: string): Promise<Receipt> {
  const { report } = await openReceipt(secret)
  Object.assign(opened, { secret, report: report.id })
  return report
}

/** The receipt to a secret; without one, of whichever the browser has the session. */
export async function fetchReceipt(secret: string | null, signal?: AbortSignal): Promise<Receipt> {
  if (secret !== null && opened.secret !== secret) return open(secret)
  try {
    const receipt = await loadReceipt(opened.report, signal)
    Object.assign(opened, { secret, report: receipt.id })
    return receipt
  } catch (error) {
    if (secret === null || !isClosed(error)) throw error
    return open(secret)
  }
}

/** Does something with the receipt that is shown; opens it again where the browser has another by now. */
export async function withReceipt<T>(act: (report: string) => Promise<T>): Promise<T> {
  try {
    return await act(opened.report ?? '')
  } catch (error) {
    const secret = heldSecret()
    if (secret === null || !isClosed(error)) throw error
    const report = await open(secret)
    return act(report.id)
  }
}

export function openedReport(): string | null {
  return opened.report
}

export function dropOpened(): void {
  Object.assign(opened, { secret: null, report: null })
}
