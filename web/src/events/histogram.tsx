import { BarChart } from 'echarts/charts'
import { GridComponent, TooltipComponent } from 'echarts/components'
import { init, use as register } from 'echarts/core'
import { CanvasRenderer } from 'echarts/renderers'
import { useEffect, useRef } from 'react'
import { usePalette } from '../layout/palette-colors'
import { count, shortInstant } from '../time/format'
import type { Span } from './question'

register([BarChart, GridComponent, TooltipComponent, CanvasRenderer])

interface Props {
  bars: readonly (readonly [number, number])[]
  step_ms: number
  span: Span | null
  onZoom: (span: Span) => void
}

/** How many events when; a bar narrows the question to its time. */
export default function Histogram({ bars, step_ms, span, onZoom }: Props) {
  const place = useRef<HTMLDivElement>(null)
  const colors = usePalette()
  const zoom = useRef(onZoom)
  useEffect(() => {
    zoom.current = onZoom
  })
  useEffect(() => {
    if (!place.current) return
    const chart = init(place.current)
    chart.setOption({
      animation: false,
      textStyle: { fontFamily: colors.font },
      grid: { left: 8, right: 8, top: 8, bottom: 4, containLabel: true },
      tooltip: {
        trigger: 'axis',
        renderMode: 'richText',
        formatter: ([bar]: { value: [number, number] }[]) =>
          bar ? `${shortInstant(bar.value[0], Date.now())}\n${count(bar.value[1])} events` : '',
      },
      xAxis: {
        type: 'time',
        min: span?.from_ms,
        max: span?.until_ms,
        axisLabel: { color: colors.dim, fontSize: 11, hideOverlap: true },
        axisLine: { lineStyle: { color: colors.line } },
      },
      yAxis: {
        type: 'value',
        minInterval: 1,
        splitNumber: 2,
        axisLabel: { color: colors.dim, fontSize: 11 },
        splitLine: { lineStyle: { color: colors.line, opacity: 0.4 } },
      },
      series: [
        {
          type: 'bar',
          data: bars.map(([at, n]) => [at, n]),
          itemStyle: { color: colors.accent },
          barMaxWidth: 14,
          cursor: 'zoom-in',
        },
      ],
    })
    chart.on('click', (bar) => {
      const [at] = bar.value as [number, number]
      zoom.current({ from_ms: at, until_ms: at + step_ms })
    })
    const observer = new ResizeObserver(() => chart.resize())
    observer.observe(place.current)
    return () => {
      observer.disconnect()
      chart.dispose()
    }
  }, [bars, step_ms, span, colors])
  const total = bars.reduce((sum, [, n]) => sum + n, 0)
  const peak = bars.reduce<readonly [number, number] | null>(
    (best, bar) => (best === null || bar[1] > best[1] ? bar : best),
    null,
  )
  const words = peak
    ? `${count(total)} events; most, ${count(peak[1])}, at ${shortInstant(peak[0], Date.now())}`
    : 'No events'
  return <div ref={place} role="img" aria-label={words} style={{ height: 120 }} />
}
