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
  buckets: readonly { at_ms: number; count: number }[]
  step_ms: number
  span: Span | null
  onZoom: (span: Span) => void
}

/** How many events when; a bar narrows the question to its time. */
export default function Histogram({ buckets, step_ms, span, onZoom }: Props) {
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
          data: buckets.map(({ at_ms, count: n }) => [at_ms, n]),
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
  }, [buckets, step_ms, span, colors])
  const total = buckets.reduce((sum, bucket) => sum + bucket.count, 0)
  const [peak] = buckets.toSorted((a, b) => b.count - a.count)
  const words = peak
    ? `${count(total)} events; most, ${count(peak.count)}, at ${shortInstant(peak.at_ms, Date.now())}`
    : 'No events'
  return <div ref={place} role="img" aria-label={words} style={{ height: 120 }} />
}
