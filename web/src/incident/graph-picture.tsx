import { GraphChart } from 'echarts/charts'
import { LegendComponent, TooltipComponent } from 'echarts/components'
import { init, use as register } from 'echarts/core'
import { CanvasRenderer } from 'echarts/renderers'
import { useEffect, useRef } from 'react'
import type { Graph } from '../api/pending'
import { usePalette } from '../layout/palette-colors'

register([GraphChart, TooltipComponent, LegendComponent, CanvasRenderer])

/** Shapes beside colours, so that kinds differ for every eye. */
const SHAPES = ['circle', 'roundRect', 'diamond', 'triangle', 'rect', 'pin', 'arrow']
const LABEL_CHARS_MAX = 34

function short(label: string): string {
  if (label.length <= LABEL_CHARS_MAX) return label
  return label.startsWith('arn:') ? `…${label.slice(-LABEL_CHARS_MAX + 1)}` : `${label.slice(0, LABEL_CHARS_MAX - 1)}…`
}

export default function GraphPicture({ graph }: { graph: Graph }) {
  const place = useRef<HTMLDivElement>(null)
  const colors = usePalette()
  useEffect(() => {
    if (!place.current) return
    const chart = init(place.current)
    const kinds = [...new Set(graph.nodes.map((node) => node.kind))]
    const findings_max = Math.max(1, ...graph.nodes.map((node) => node.findings ?? 1))
    chart.setOption({
      color: colors.series,
      textStyle: { fontFamily: colors.font },
      // html would be styled inline, which the page's policy forbids
      tooltip: { renderMode: 'richText', formatter: ({ data }: { data: { full?: string } }) => data.full ?? '' },
      legend: {
        data: kinds.map((name, index) => ({ name, icon: SHAPES[index % SHAPES.length] })),
        bottom: 0,
        textStyle: { color: colors.text },
        itemWidth: 11,
        itemHeight: 11,
      },
      series: [
        {
          type: 'graph',
          layout: 'force',
          roam: 'move',
          zoom: 0.84,
          draggable: true,
          top: 24,
          bottom: 48,
          force: { repulsion: 480, edgeLength: [90, 170], gravity: 0.14, layoutAnimation: false },
          categories: kinds.map((name, index) => ({ name, symbol: SHAPES[index % SHAPES.length] })),
          label: {
            show: true,
            position: 'right',
            color: colors.text,
            fontSize: 11,
            formatter: ({ data }: { data: { short: string } }) => data.short,
          },
          labelLayout: { hideOverlap: true },
          lineStyle: { color: colors.line, width: 1.4, opacity: 0.9 },
          data: graph.nodes.map((node) => ({
            id: node.id,
            name: node.id,
            short: short(node.label),
            full: `${node.kind}: ${node.label}`,
            category: kinds.indexOf(node.kind),
            symbolSize: 10 + 16 * Math.sqrt((node.findings ?? 1) / findings_max),
          })),
          links: graph.edges.map((edge) => ({
            source: edge.from,
            target: edge.to,
            full: `${edge.kind}, ${String(edge.count)} times`,
          })),
        },
      ],
    })
    const observer = new ResizeObserver(() => chart.resize())
    observer.observe(place.current)
    return () => {
      observer.disconnect()
      chart.dispose()
    }
  }, [graph, colors])
  const words = `Graph of ${String(graph.nodes.length)} entities and ${String(graph.edges.length)} connections; “Text” says the same`
  return <div ref={place} role="img" aria-label={words} style={{ height: 500, width: '100%' }} />
}
