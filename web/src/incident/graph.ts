import type { Finding, Graph, GraphEdge, GraphNode, Incident } from '../api/pending'

/** Most entities drawn; the rest is counted. */
export const NODES_MAX = 60

/** The graph of what findings name: an edge where one finding names both. */
export function graphOf(incident: Incident, findings: readonly Finding[]): Graph {
  const nodes = new Map<string, GraphNode & { findings: number }>()
  const edges = new Map<string, GraphEdge>()
  const touch = (id: string, kind: string, label: string) => {
    const node = nodes.get(id) ?? { id, kind, label, findings: 0 }
    node.findings += 1
    nodes.set(id, node)
  }
  const join = (from: string, to: string, kind: string) => {
    const key = `${from}\0${to}`
    const edge = edges.get(key) ?? { from, to, kind, count: 0 }
    edge.count += 1
    edges.set(key, edge)
  }
  for (const finding of findings) {
    const rule = `rule:${finding.rule_id}`
    touch(rule, 'rule', finding.rule_title)
    for (const entity of finding.entities) touch(`${entity.kind}:${entity.value}`, entity.kind, entity.value)
    const [about, ...rest] = finding.entities
    for (const entity of finding.entities) join(rule, `${entity.kind}:${entity.value}`, 'matched')
    if (!about) continue
    for (const entity of rest) join(`${about.kind}:${about.value}`, `${entity.kind}:${entity.value}`, 'with')
  }
  if (incident.service) {
    const id = `service:${incident.service}`
    nodes.set(id, { id, kind: 'service', label: incident.service, findings: findings.length })
    join(`${incident.group.kind}:${incident.group.value}`, id, 'belongs to')
  }
  return bounded({ nodes: [...nodes.values()], edges: [...edges.values()] })
}

/** The most often named nodes, and the edges between them. */
export function bounded(graph: Graph, nodes_max = NODES_MAX): Graph {
  const nodes = graph.nodes.toSorted((a, b) => (b.findings ?? 0) - (a.findings ?? 0)).slice(0, nodes_max)
  const kept = new Set(nodes.map((node) => node.id))
  const edges = graph.edges.filter((edge) => kept.has(edge.from) && kept.has(edge.to))
  return { nodes, edges, truncated: graph.truncated || nodes.length < graph.nodes.length }
}

/** The graph in sentences: each entity with what it is connected to. */
export function sentences(graph: Graph): { node: GraphNode; with: { label: string; kind: string; count: number }[] }[] {
  const labels = new Map(graph.nodes.map((node) => [node.id, node]))
  return graph.nodes.map((node) => {
    const joined = graph.edges.flatMap((edge) => {
      const other = edge.from === node.id ? edge.to : edge.to === node.id ? edge.from : null
      const found = other === null ? undefined : labels.get(other)
      return found ? [{ label: found.label, kind: found.kind, count: edge.count }] : []
    })
    return { node, with: joined.toSorted((a, b) => b.count - a.count) }
  })
}

export interface Columns {
  rules: GraphNode[]
  /** What the rules' findings name, the kinds in the order of how often. */
  kinds: { kind: string; nodes: GraphNode[] }[]
  /** From a rule to what it named. */
  edges: GraphEdge[]
}

const byFindings = (a: GraphNode, b: GraphNode) => (b.findings ?? 0) - (a.findings ?? 0)

/** The graph as two columns; other incidents come last, and this one, which has to do with all, is left out. */
export function columnsOf(graph: Graph): Columns {
  const rules = graph.nodes.filter((node) => node.kind === 'rule').toSorted(byFindings)
  // the server gives the incident itself first
  const named = graph.nodes.filter((node, index) => node.kind !== 'rule' && !(index === 0 && node.kind === 'incident'))
  const groups = new Map<string, GraphNode[]>()
  for (const node of named.toSorted(byFindings)) groups.set(node.kind, [...(groups.get(node.kind) ?? []), node])
  const kinds = [...groups].map(([kind, nodes]) => ({ kind, nodes }))
  const isRule = new Set(rules.map((node) => node.id))
  const isNamed = new Set(named.map((node) => node.id))
  const edges = graph.edges.flatMap((edge) => {
    if (isRule.has(edge.from) && isNamed.has(edge.to)) return [edge]
    return isRule.has(edge.to) && isNamed.has(edge.from) ? [{ ...edge, from: edge.to, to: edge.from }] : []
  })
  return {
    rules,
    kinds: [...kinds.filter(({ kind }) => kind !== 'incident'), ...kinds.filter(({ kind }) => kind === 'incident')],
    edges,
  }
}
