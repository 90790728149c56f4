/**
 * Makes a tfjs graph model of a simple ONNX convnet, from the same weights: channels last, normalisation folded and
 * activations fused, as TensorFlow's own converter leaves a model. What it does not know is an Error that says so.
 */

import { integers, Topology, text, texts } from "./topology.mjs";
import { evaluate, readModel } from "./values.mjs";

/** The inputs of an operator that flow; others are settings. Operators that are not here cannot be converted. */
const flowing = {
  Add: [0, 1],
  BatchNormalization: [0],
  Clip: [0],
  Concat: "all",
  Conv: [0],
  Dropout: [0],
  Flatten: [0],
  Gemm: [0],
  GlobalAveragePool: [0],
  HardSigmoid: [0],
  HardSwish: [0],
  Identity: [0],
  LeakyRelu: [0],
  MatMul: [0],
  MaxPool: [0],
  Mul: [0, 1],
  Pad: [0],
  PRelu: [0],
  ReduceMean: [0],
  Relu: [0],
  Reshape: [0],
  Sigmoid: [0],
  Softmax: [0],
  Squeeze: [0],
};

/**
 * @param {Uint8Array} bytes
 * @param {Record<string, any>} inputs of the runs to come
 * @param {string} packed
 */
export async function convertModel(bytes, inputs, packed) {
  const { graph, known, opset } = readModel(bytes);
  const [input, ...more] = graph.input.filter(({ name }) => !known.has(name));
  if (more.length > 0 || graph.output.length !== 1) throw new Error("it has several inputs or outputs");
  const { dims, type } = inputs[input.name];
  if (dims.length !== 4 || type !== "float32") throw new Error(`its input is ${type} of ${dims.length} dims`);
  const nodes = listNodes(graph, known);
  const asked = nodes.flatMap((node) => settingsOf(node)).filter((name) => !known.has(name));
  for (const [name, value] of await evaluate(bytes, asked, inputs, packed)) known.set(name, value);
  const conversion = new Conversion(nodes, known, opset);
  const [batch, channels, height, width] = dims;
  conversion.start(input.name, [batch, height, width, channels]);
  for (const node of nodes) conversion.convert(node);
  return conversion.finish(input.name, graph.output[0].name);
}

/** The nodes that the output comes from, in order. */
function listNodes(graph, known) {
  const producers = new Map(graph.node.flatMap((node) => node.output.map((name) => [name, node])));
  const needed = new Set();
  const visit = (name) => {
    const node = producers.get(name);
    if (!node || known.has(name) || needed.has(node)) return;
    if (!(node.opType in flowing)) throw new Error(`${node.opType} is not converted`);
    needed.add(node);
    for (const inner of flowsOf(node)) visit(inner);
  };
  visit(graph.output[0].name);
  return graph.node.filter((node) => needed.has(node));
}

function flowsOf({ opType, input }) {
  const places = flowing[opType];
  return places === "all" ? input : places.map((index) => input[index]);
}

function settingsOf(node) {
  const flows = flowsOf(node);
  return node.input.filter((name) => name && !flows.includes(name));
}

class Conversion {
  #topology = new Topology();
  /**
   * The name in the new graph; how the value lies, "pixels" of NHWC, "pooled" 1 x 1 pixels, or "rows"; height and width of
   * pixels.
   */
  #values = new Map();
  #readers = new Map();
  #done = new Set();

  constructor(nodes, known, opset) {
    this.known = known;
    this.opset = opset;
    for (const node of nodes) {
      for (const name of flowsOf(node)) {
        this.#readers.set(name, [...(this.#readers.get(name) ?? []), node]);
      }
    }
  }

  start(name, dims) {
    this.#values.set(name, {
      name: this.#topology.input("input", dims),
      form: "pixels",
      size: dims.slice(1, 3),
    });
  }

  finish(input, output) {
    const { name, form } = this.#values.get(output);
    return { ...this.#topology.write(), input, output, node: name, isPixels: form !== "rows" };
  }

  convert(node) {
    if (this.#done.has(node)) return;
    const method = `convert${node.opType}`;
    const form = this.#values.get(node.input[0])?.form;
    this[method](node, readAttributes(node), form);
  }

  #set(node, name, form, size = this.#sizeOf(node)) {
    this.#values.set(node.output[0], { name, form, size });
  }

  /** Of pixels that flow into a node. */
  #sizeOf(node) {
    const sizes = node.input.map((name) => this.#values.get(name)?.size).filter(Boolean);
    return sizes.find(([height, width]) => height * width > 1) ?? sizes[0];
  }

  #get(name) {
    const value = this.#values.get(name);
    if (value) return value;
    const { dims, data } = this.#known(name);
    // What is added to pixels lies channels last, too.
    const isChannels = dims.length >= 3 && dims.slice(-2).every((dim) => dim === 1);
    const size = data.length;
    if (size !== 1 && !isChannels) throw new Error(`a constant of dims [${dims}] is not converted`);
    return { name: this.#topology.constant("float32", size === 1 ? [] : [size], data), form: "pooled" };
  }

  #known(name) {
    const value = this.known.get(name);
    if (!value?.data) throw new Error(`${name || "an input"} is not known before a run`);
    return value;
  }

  /** The one node that reads a value, where it is of this operator. */
  #soleReader(name, ...ops) {
    const [reader, ...others] = this.#readers.get(name) ?? [];
    return reader && others.length === 0 && ops.includes(reader.opType) ? reader : undefined;
  }

  /** The bounds of a Clip, which are attributes or inputs by opset. @param {any} node @param {any} attributes */
  #limits(node, attributes) {
    const { min, max } = attributes;
    const read = (index, fallback) => (node.input[index] ? this.#known(node.input[index]).data[0] : fallback);
    return [read(1, min), read(2, max)];
  }

  /** The operator of an activation that a convolution can take in. */
  #activation(node) {
    if (node.opType === "Relu") return "Relu";
    const [least, most] = this.#limits(node, readAttributes(node));
    if (least === 0 && most === 6) return "Relu6";
    throw new Error(`a Clip to ${least} and ${most} is not converted`);
  }

  convertConv(node, attributes, form, extraPads = [0, 0, 0, 0]) {
    let { dims, data } = this.#known(node.input[1]);
    const [filters, depth, height, width] = dims;
    let bias = node.input[2] ? this.#known(node.input[2]).data : new Float32Array(filters);
    let last = node;
    const norm = this.#soleReader(last.output[0], "BatchNormalization");
    if (norm) {
      ({ data, bias } = this.#foldNorm(norm, data, bias));
      last = norm;
    }
    const activation = this.#soleReader(last.output[0], "Relu", "Clip");
    if (activation) last = activation;
    const isDepthwise = depth === 1 && attributes.group === filters;
    if (!isDepthwise && (attributes.group ?? 1) !== 1) throw new Error("a grouped Conv is not converted");
    const weights = this.#topology.constant(
      "float32",
      isDepthwise ? [height, width, filters, 1] : [height, width, depth, filters],
      turnWeights(data, filters, depth, height * width),
    );
    const pads = (attributes.pads ?? [0, 0, 0, 0]).map((pad, index) => pad + extraPads[index]);
    const fused = ["BiasAdd", ...(activation ? [this.#activation(activation)] : [])];
    const dilations = attributes.dilations ?? [1, 1];
    const kernel = [height, width].map((size, axis) => (size - 1) * dilations[axis] + 1);
    const { name, size, window } = this.#slide(node, { ...attributes, kernel, pads });
    const operands = [name, weights, this.#topology.constant("float32", [filters], bias)];
    const result = this.#topology.add(isDepthwise ? "FusedDepthwiseConv2dNative" : "_FusedConv2D", operands, {
      ...window,
      dilations: integers([1, ...dilations, 1]),
      fused_ops: texts(fused),
      num_args: { i: "1" },
    });
    for (const taken of [norm, activation]) if (taken) this.#done.add(taken);
    this.#set(last, result, form, size);
  }

  /** What a window slides over, what it leaves, and how TensorFlow says so. */
  #slide(node, { kernel, strides = [1, 1], pads, auto_pad: automatic = "NOTSET" }) {
    const { name, size } = this.#get(node.input[0]);
    const same = size.map((length, axis) => padSame(length, kernel[axis], strides[axis]));
    const [tops, ends] = [same.map(({ start }) => start), same.map(({ end }) => end)];
    let padding = "VALID";
    let around = pads;
    if (
      automatic === "SAME_UPPER" ||
      (automatic === "NOTSET" && String(pads) === String([...tops, ...ends]))
    ) {
      padding = "SAME";
      around = [...tops, ...ends];
    } else if (automatic !== "NOTSET" && automatic !== "VALID") {
      throw new Error(`auto_pad ${automatic} is not converted`);
    } else if (pads.some((pad) => pad > 0)) {
      padding = "EXPLICIT";
    }
    const outer = size.map((length, axis) => length + around[axis] + around[axis + 2]);
    const [top, left, bottom, right] = around;
    return {
      name,
      size: outer.map((length, axis) => Math.floor((length - kernel[axis]) / strides[axis]) + 1),
      window: {
        strides: integers([1, ...strides, 1]),
        data_format: text("NHWC"),
        padding: text(padding),
        ...(padding === "EXPLICIT" && {
          explicit_paddings: integers([0, 0, top, bottom, left, right, 0, 0]),
        }),
      },
    };
  }

  #foldNorm(node, data, bias) {
    const [scale, shift, mean, variance] = node.input.slice(1).map((name) => this.#known(name).data);
    const { epsilon = 1e-5 } = readAttributes(node);
    const filters = scale.length;
    const factors = Array.from(scale, (value, index) => value / Math.sqrt(variance[index] + epsilon));
    const size = data.length / filters;
    return {
      data: Float32Array.from(data, (value, index) => value * factors[Math.floor(index / size)]),
      bias: Float32Array.from(
        factors,
        (factor, index) => (bias[index] - mean[index]) * factor + shift[index],
      ),
    };
  }

  /** Zeros around pixels become the pads of the convolution that reads them. */
  convertPad(node, attributes, form) {
    const pads = node.input[1] ? Array.from(this.#known(node.input[1]).data) : attributes.pads;
    const value = node.input[2] ? this.#known(node.input[2]).data[0] : (attributes.value ?? 0);
    const [n, c, top, left, endN, endC, bottom, right] = pads;
    const isPlain = value === 0 && (attributes.mode ?? "constant") === "constant" && n + endN === 0;
    if (!isPlain || pads.length !== 8) throw new Error("a Pad of this kind is not converted");
    const convolution = c + endC === 0 && this.#soleReader(node.output[0], "Conv");
    const { name, size } = this.#get(node.input[0]);
    if (convolution) {
      this.#set(node, name, form);
      this.#done.add(convolution);
      return this.convertConv(convolution, readAttributes(convolution), form, [top, left, bottom, right]);
    }
    const amounts = this.#topology.constant("int32", [4, 2], [0, 0, top, bottom, left, right, c, endC]);
    this.#set(node, this.#topology.add("Pad", [name, amounts]), form, [
      size[0] + top + bottom,
      size[1] + left + right,
    ]);
  }

  convertMaxPool(node, attributes, form) {
    if (attributes.ceil_mode) throw new Error("a MaxPool with ceil_mode is not converted");
    const pads = attributes.pads ?? [0, 0, 0, 0];
    const { name, size, window } = this.#slide(node, {
      ...attributes,
      kernel: attributes.kernel_shape,
      pads,
    });
    const ksize = integers([1, ...attributes.kernel_shape, 1]);
    this.#set(node, this.#topology.add("MaxPool", [name], { ...window, ksize }), form, size);
  }

  convertGlobalAveragePool(node) {
    const axes = this.#topology.constant("int32", [2], [1, 2]);
    const { name } = this.#get(node.input[0]);
    this.#set(node, this.#topology.add("Mean", [name, axes], { keep_dims: { b: true } }), "pooled", [1, 1]);
  }

  convertReduceMean(node, attributes) {
    const axes = node.input[1] ? Array.from(this.#known(node.input[1]).data) : attributes.axes;
    const pixels = [[2, 3].join(), [-2, -1].join(), [-1, -2].join()];
    if (!pixels.includes(String(axes))) throw new Error(`a ReduceMean over axes [${axes}] is not converted`);
    this.convertGlobalAveragePool(node);
    if (attributes.keepdims === 0) this.#toRows(node, this.#values.get(node.output[0]).name);
  }

  /** One pixel is the same as rows, channels last or not. */
  #flatten(node, form) {
    if (form !== "pooled") throw new Error(`a ${node.opType} of pixels is not converted`);
    this.#toRows(node, this.#get(node.input[0]).name);
  }

  #toRows(node, name) {
    const axes = { squeeze_dims: integers([1, 2]) };
    this.#set(node, this.#topology.add("Squeeze", [name], axes), "rows");
  }

  convertFlatten(node, _, form) {
    this.#flatten(node, form);
  }

  convertReshape(node, _, form) {
    if (this.#known(node.input[1]).data.length !== 2) throw new Error("a Reshape of pixels is not converted");
    this.#flatten(node, form);
  }

  convertSqueeze(node, _, form) {
    this.#flatten(node, form);
  }

  convertGemm(node, { alpha = 1, beta = 1, transA = 0, transB = 0 }, form) {
    if (alpha !== 1 || beta !== 1 || transA) throw new Error("a Gemm with factors is not converted");
    const { dims, data } = this.#known(node.input[1]);
    // tfjs-wasm gives wrong numbers for a transposed weight and a bias together.
    const weights = transB
      ? this.#topology.constant("float32", dims.toReversed(), turnWeights(data, dims[0], dims[1], 1))
      : this.#topology.constant("float32", dims, data);
    const operands = [this.#get(node.input[0]).name, weights];
    const plain = { transpose_a: { b: false }, transpose_b: { b: false } };
    if (!node.input[2]) return this.#set(node, this.#topology.add("MatMul", operands, plain), form);
    const bias = this.#known(node.input[2]).data;
    operands.push(this.#topology.constant("float32", [bias.length], bias));
    const fused = { ...plain, fused_ops: texts(["BiasAdd"]), num_args: { i: "1" } };
    this.#set(node, this.#topology.add("_FusedMatMul", operands, fused), form);
  }

  convertMatMul(node, _, form) {
    if (form !== "rows") throw new Error("a MatMul of pixels is not converted");
    this.convertGemm({ ...node, input: node.input.slice(0, 2) }, {}, form);
  }

  convertSoftmax(node, { axis = this.opset < 13 ? 1 : -1 }, form) {
    if (form !== "rows" || (axis !== 1 && axis !== -1))
      throw new Error("a Softmax of pixels is not converted");
    this.#map("Softmax", node, form);
  }

  convertRelu(node, _, form) {
    this.#map("Relu", node, form);
  }

  convertClip(node, _, form) {
    this.#map(this.#activation(node), node, form);
  }

  convertSigmoid(node, _, form) {
    this.#map("Sigmoid", node, form);
  }

  convertLeakyRelu(node, { alpha = 0.01 }, form) {
    const result = this.#topology.add("LeakyRelu", [this.#get(node.input[0]).name], { alpha: { f: alpha } });
    this.#set(node, result, form);
  }

  convertPRelu(node, _, form) {
    const slopes = this.#known(node.input[1]).data;
    const operands = [
      this.#get(node.input[0]).name,
      this.#topology.constant("float32", [slopes.length], slopes),
    ];
    this.#set(node, this.#topology.add("Prelu", operands), form);
  }

  /** `x * Relu6(x + 3) / 6`, as TensorFlow writes it. */
  convertHardSwish(node, _, form) {
    const { name } = this.#get(node.input[0]);
    this.#set(node, this.#topology.add("Mul", [name, this.#hardSigmoid(name)]), form);
  }

  convertHardSigmoid(node, { alpha = 0.2, beta = 0.5 }, form) {
    if (Math.abs(alpha - 1 / 6) > 1e-6 || beta !== 0.5)
      throw new Error("a HardSigmoid of this slope is not converted");
    this.#set(node, this.#hardSigmoid(this.#get(node.input[0]).name), form);
  }

  #hardSigmoid(name) {
    const scalar = (value) => this.#topology.constant("float32", [], [value]);
    const moved = this.#topology.add("AddV2", [name, scalar(3)]);
    return this.#topology.add("Mul", [this.#topology.add("Relu6", [moved]), scalar(1 / 6)]);
  }

  #map(op, node, form) {
    this.#set(node, this.#topology.add(op, [this.#get(node.input[0]).name]), form);
  }

  #combine(op, node) {
    const values = node.input.map((name) => this.#get(name));
    const forms = values.map(({ form }) => form);
    const form = forms.includes("pixels") ? "pixels" : forms.includes("rows") ? "rows" : "pooled";
    this.#set(
      node,
      this.#topology.add(
        op,
        values.map(({ name }) => name),
      ),
      form,
    );
  }

  convertAdd(node) {
    this.#combine("AddV2", node);
  }

  convertMul(node) {
    this.#combine("Mul", node);
  }

  convertConcat(node, { axis }) {
    if (axis !== 1) throw new Error(`a Concat on axis ${axis} is not converted`);
    const values = node.input.map((name) => this.#get(name));
    if (values.some(({ form }) => form !== values[0].form)) throw new Error("a Concat of unlike values");
    const names = values.map(({ name }) => name);
    const last = values[0].form === "rows" ? 1 : 3;
    const operands = [...names, this.#topology.constant("int32", [], [last])];
    const attr = { N: { i: String(names.length) }, Tidx: { type: "DT_INT32" } };
    this.#set(node, this.#topology.add("ConcatV2", operands, attr), values[0].form);
  }

  convertIdentity(node) {
    this.#values.set(node.output[0], this.#get(node.input[0]));
  }

  convertDropout(node) {
    this.convertIdentity(node);
  }

  /** One that follows no convolution. */
  convertBatchNormalization(node, _, form) {
    const size = this.#known(node.input[1]).data.length;
    const ones = Float32Array.from({ length: size }, () => 1);
    const { data, bias } = this.#foldNorm(node, ones, new Float32Array(size));
    const constant = (values) => this.#topology.constant("float32", [size], values);
    const scaled = this.#topology.add("Mul", [this.#get(node.input[0]).name, constant(data)]);
    this.#set(node, this.#topology.add("AddV2", [scaled, constant(bias)]), form);
  }
}

/** Filters, depth, pixels to pixels, depth, filters. */
function turnWeights(data, filters, depth, pixels) {
  const turned = new Float32Array(data.length);
  for (let filter = 0; filter < filters; filter += 1) {
    for (let channel = 0; channel < depth; channel += 1) {
      for (let pixel = 0; pixel < pixels; pixel += 1) {
        turned[(pixel * depth + channel) * filters + filter] =
          data[(filter * depth + channel) * pixels + pixel];
      }
    }
  }
  return turned;
}

/** TensorFlow's SAME: the pads of one axis. */
function padSame(length, kernel, stride) {
  const total = Math.max((Math.ceil(length / stride) - 1) * stride + kernel - length, 0);
  return { start: total >> 1, end: total - (total >> 1) };
}

/** @returns {Record<string, any>} */
function readAttributes({ attribute }) {
  return Object.fromEntries(
    attribute.map(({ name, type, f, i, s, floats, ints }) => [
      name,
      { 1: f, 2: i, 3: s && Buffer.from(s).toString(), 6: floats, 7: ints }[type],
    ]),
  );
}
