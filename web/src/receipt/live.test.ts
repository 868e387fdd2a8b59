import { afterEach, expect, test, vi } from 'vitest'
import { followReceipt } from './live'

afterEach(() => {
  vi.unstubAllGlobals()
  vi.useRealTimers()
})

const stream = (...chunks: string[]) =>
  new Response(
    new ReadableStream({
      start: (controller) => {
        for (const chunk of chunks) controller.enqueue(new TextEncoder().encode(chunk))
        controller.close()
      },
    }),
  )

test('each event is told once, and a lost stream is asked for again, later each time', async () => {
  vi.useFakeTimers()
  vi.stubGlobal('location', { origin: 'https://huecry.example' })
  const answers = [
    stream(':\n\nevent: chan', 'ged\ndata: {}\n\n'),
    new Response('', { status: 503 }),
    stream('data: {}\n\n'),
  ]
  const asked = vi.fn(() => Promise.resolve(answers.shift() ?? new Response('', { status: 503 })))
  vi.stubGlobal('fetch', asked)
  const end = new AbortController()
  const [changed, live] = [vi.fn(), vi.fn()]
  const followed = followReceipt(end.signal, changed, live)
  await vi.advanceTimersByTimeAsync(1)
  expect(changed).toHaveBeenCalledTimes(1)
  expect(live.mock.calls).toEqual([[true], [false]])
  await vi.advanceTimersByTimeAsync(2_000)
  expect(asked).toHaveBeenCalledTimes(2)
  await vi.advanceTimersByTimeAsync(3_900)
  expect(asked).toHaveBeenCalledTimes(2)
  await vi.advanceTimersByTimeAsync(200)
  expect(asked).toHaveBeenCalledTimes(3)
  expect(changed).toHaveBeenCalledTimes(2)
  end.abort()
  await followed
})
