// The types as the NodeSets define them, loaded by node-opcua, and a server held against them.
import { AddressSpace } from "node-opcua-address-space";
import { generateAddressSpace } from "node-opcua-address-space/nodeJS.js";
import { AttributeIds, BrowseDirection, DataType, NodeClass, NodeId, resolveNodeId } from "node-opcua-client";
import { nodesets } from "node-opcua-nodesets";

const UA = "http://opcfoundation.org/UA/";
const MACHINERY = "http://opcfoundation.org/UA/Machinery/";
const PUBLISHED = [
  "standard", "di", "ia", "machinery", "irdi", "padim", "machineryProcessValues",
  "isa95JobControl", "machineryJobs", "machineTool",
];
const INVERSE = BrowseDirection.Inverse;
const HIERARCHICAL = resolveNodeId("HierarchicalReferences");
const TYPE_CLASSES = new Set([
  NodeClass.ObjectType, NodeClass.VariableType, NodeClass.DataType, NodeClass.ReferenceType,
]);
// Attributes that a type node must have as its NodeSet has them.
const COMPARED = { DataType: AttributeIds.DataType, ValueRank: AttributeIds.ValueRank };
const COMPARED_REFERENCES = ["HasSubtype", "HasTypeDefinition", "HasModellingRule", "HasEncoding"];

/** Load the published NodeSets and `files` after them. */
export async function load(files) {
  const space = AddressSpace.create();
  await generateAddressSpace(space, [...PUBLISHED.map((name) => nodesets[name]), ...files]);
  return new Types(space);
}

/** A NodeId with the URI of its namespace instead of a number that differs by server. */
export function universal(nodeId, uris) {
  const local = new NodeId(nodeId.identifierType, nodeId.value, 0).toString();
  return `nsu=${uris[nodeId.namespace]};${local.replace(/^ns=0;/, "")}`;
}

function called(name, uris) {
  return `${uris[name.namespaceIndex] ?? name.namespaceIndex} ${name.name}`;
}

/** Type dictionaries are deprecated since OPC UA 1.04; a server may leave them out. */
function isOfDictionary(node) {
  for (let above = node; above; above = above.parent) {
    if (above.typeDefinitionObj?.browseName.name === "DataTypeDictionaryType") return true;
  }
  return false;
}

class Types {
  constructor(space) {
    this.space = space;
    this.uris = space.getNamespaceArray().map((namespace) => namespace.namespaceUri);
  }

  id(node) {
    return universal(node.nodeId, this.uris);
  }

  name(node) {
    return called(node.browseName, this.uris);
  }

  /** The nodes of the companion specifications: all types and their declarations. */
  *published() {
    for (const namespace of this.space.getNamespaceArray()) {
      // Servers have namespace 0 in versions of their own.
      if (namespace.namespaceUri === UA) continue;
      for (const node of namespace.nodeIterator()) {
        // Parentless objects are a design tool's only (Part 6, F.5), and node-opcua gives
        // another data type than the NodeSets' to ModelVersion.
        const isHeld = TYPE_CLASSES.has(node.nodeClass) || node.findReferencesEx("References", INVERSE).length;
        if (isHeld && node.browseName.name !== "ModelVersion" && !isOfDictionary(node)) yield node;
      }
    }
  }

  find(id) {
    const [, uri, local] = /^nsu=(.*);([isgb]=.*)$/.exec(id);
    return this.space.findNode(`ns=${this.uris.indexOf(uri)};${local}`);
  }

  /** Whether a reference leads to what servers have in versions of their own: types of namespace 0. */
  isOfTheirs(reference) {
    const target = this.space.findNode(reference.nodeId);
    const isStandard = target && this.uris[target.nodeId.namespace] === UA;
    return !target || (isStandard && target.nodeClass !== NodeClass.Object);
  }

  isA(node, other) {
    for (let type = node; type; type = type.subtypeOfObj) {
      if (type.nodeId.toString() === other.nodeId.toString()) return true;
    }
    return false;
  }

  /** All that nodes (types with their supertypes, declarations) declare below them, by name. */
  declared(sources) {
    const found = new Map();
    for (const source of sources) {
      for (let node = source; node; node = TYPE_CLASSES.has(source.nodeClass) && node.subtypeOfObj) {
        for (const child of node.findReferencesExAsObject(HIERARCHICAL, BrowseDirection.Forward)) {
          if (!child.modellingRule || TYPE_CLASSES.has(child.nodeClass)) continue;
          const same = found.get(this.name(child)) ?? [];
          found.set(this.name(child), [...same, child]);
        }
      }
    }
    return found;
  }
}

/** Compare every node of the companion specifications with the server's, one by one. */
export async function compareTypes(types, server) {
  const findings = [];
  const nodes = [...types.published()].filter((node) => server.knows(types.id(node)));
  const missing = new Set();
  for (const node of types.published()) {
    const uri = types.uris[node.nodeId.namespace];
    if (!server.uris.includes(uri)) missing.add(`the server has no namespace ${uri}`);
  }
  findings.push(...missing);
  const attributes = { BrowseName: AttributeIds.BrowseName, NodeClass: AttributeIds.NodeClass };
  const asked = Object.entries({ ...attributes, ...COMPARED });
  const answers = await server.read(
    nodes.flatMap((node) => asked.map(([, id]) => [server.id(types.id(node)), id])),
  );
  const browsed = await server.browse(nodes.map((node) => server.id(types.id(node))), "References");
  nodes.forEach((node, place) => {
    const where = `${types.id(node)} ${node.browseName.name}`;
    const [name, nodeClass, dataType, rank] = answers.slice(place * 4, place * 4 + 4);
    if (!name.statusCode.isGood()) {
      findings.push(`${where}: is not there`);
      return;
    }
    const differs = (what, theirs, ours) => {
      if (theirs !== ours) findings.push(`${where}: ${what} is ${theirs}, not ${ours}`);
    };
    differs("browse name", called(name.value.value, server.uris), types.name(node));
    differs("node class", nodeClass.value.value, node.nodeClass);
    if (node.nodeClass === NodeClass.Variable || node.nodeClass === NodeClass.VariableType) {
      // A NodeSet that tells no DataType means BaseDataType.
      const ours = node.dataType.value ? node.dataType : resolveNodeId("BaseDataType");
      differs("data type", universal(dataType.value.value, server.uris), universal(ours, types.uris));
      differs("value rank", rank.value.value, node.valueRank);
    }
    const theirs = new Set(browsed[place].map((reference) => server.reference(reference)));
    for (const kind of COMPARED_REFERENCES.concat("HierarchicalReferences")) {
      for (const reference of node.findReferencesEx(kind, BrowseDirection.Forward)) {
        const type = universal(reference.referenceType, types.uris);
        const target = `${type} ${universal(reference.nodeId, types.uris)}`;
        if (!theirs.has(target) && !types.isOfTheirs(reference)) {
          findings.push(`${where}: no reference ${target}`);
        }
      }
    }
  });
  return { findings, compared: nodes.length };
}

/** Every machine below the Machines folder, held against the types of the NodeSets. */
export async function compareMachines(types, server) {
  const folder = server.id(`nsu=${MACHINERY};i=1001`);
  const [children] = await server.browse([folder], "HierarchicalReferences");
  const machines = children.filter((child) => child.nodeClass === NodeClass.Object);
  const comparison = new Comparison(types, server, await gathered(server, machines));
  return machines.map((machine) => comparison.machine(machine));
}

/** All that is needed of nodes and of all below them: children by node, and variables' values. */
async function gathered(server, roots) {
  const children = new Map();
  const variables = new Map();
  for (let frontier = roots; frontier.length;) {
    const browsed = await server.browse(frontier.map((node) => node.nodeId), "HierarchicalReferences");
    frontier.forEach((node, place) => children.set(node.nodeId.toString(), browsed[place]));
    const below = new Map(browsed.flat().map((node) => [node.nodeId.toString(), node]));
    frontier = [...below.values()].filter((node) => !children.has(node.nodeId.toString()));
    const found = frontier.filter((node) => node.nodeClass === NodeClass.Variable);
    const answers = await server.read(found.flatMap(({ nodeId }) => [
      [nodeId, AttributeIds.Value], [nodeId, AttributeIds.DataType],
    ]));
    found.forEach(({ nodeId }, place) => {
      variables.set(nodeId.toString(), answers.slice(place * 2, place * 2 + 2));
    });
  }
  return { children, variables };
}

class Comparison {
  constructor(types, server, { children, variables }) {
    this.types = types;
    this.server = server;
    this.children = children;
    this.variables = variables;
  }

  machine(machine) {
    this.findings = [];
    this.seen = new Set();
    this.node(machine, [], "");
    const lineage = [];
    for (let type = this.typeOf(machine); type; type = type.subtypeOfObj) lineage.push(this.types.id(type));
    return {
      node: universal(machine.nodeId, this.server.uris),
      name: machine.browseName.name,
      types: lineage,
      nodes: this.seen.size,
      findings: this.findings,
    };
  }

  typeOf({ typeDefinition }) {
    return typeDefinition.isEmpty() ? null : this.types.find(universal(typeDefinition, this.server.uris));
  }

  node(found, declarations, path) {
    const id = found.nodeId.toString();
    if (this.seen.has(id)) return;
    this.seen.add(id);
    const type = this.typeOf(found);
    if (!type && found.nodeClass !== NodeClass.Method) this.findings.push(`${path}: its type is unknown`);
    if (found.nodeClass === NodeClass.Variable) this.variable(id, declarations, path);
    for (const { typeDefinitionObj: wanted } of declarations) {
      if (type && wanted && !this.types.isA(type, wanted)) {
        this.findings.push(`${path}: is a ${type.browseName.name}, not a ${wanted.browseName.name}`);
      }
    }
    const children = this.children.get(id);
    const named = new Map(children.map((child) => [called(child.browseName, this.server.uris), child]));
    const declared = this.types.declared([...(type ? [type] : []), ...declarations]);
    for (const [name, same] of declared) this.declared(name, same, named, path);
    for (const [name, child] of named) {
      this.node(child, declared.get(name) ?? [], `${path}/${child.browseName.name}`);
    }
  }

  declared(name, same, named, path) {
    const rules = same.map((declaration) => declaration.modellingRule);
    if (rules.includes("Mandatory") && !named.has(name)) {
      this.findings.push(`${path}/${same[0].browseName.name}: is missing (${name})`);
    }
    if (rules.includes("MandatoryPlaceholder")) {
      const wanted = same[0].typeDefinitionObj;
      const types = [...named.values()].map((child) => this.typeOf(child));
      if (!types.some((type) => type && this.types.isA(type, wanted))) {
        this.findings.push(`${path}: has no ${wanted.browseName.name}`);
      }
    }
  }

  variable(id, declarations, path) {
    const [value, dataType] = this.variables.get(id);
    const type = this.types.find(universal(dataType.value.value, this.server.uris));
    for (const declaration of declarations) {
      const wanted = this.types.space.findDataType(declaration.dataType);
      if (wanted && !(type && this.types.isA(type, wanted))) {
        const names = [type?.browseName.name, wanted.browseName.name];
        this.findings.push(`${path}: has the data type ${names[0]}, not ${names[1]}`);
      }
    }
    const isMandatory = declarations.some(({ modellingRule }) => modellingRule === "Mandatory");
    if (isMandatory && value.statusCode.isBad()) this.findings.push(`${path}: is ${value.statusCode.name}`);
    else if (isMandatory && value.value.dataType === DataType.Null) this.findings.push(`${path}: is null`);
  }
}
