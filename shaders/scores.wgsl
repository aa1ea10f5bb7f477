// Scores of every class and the best TOP of them: softmax for one label per image, sigmoid for many, or the logits.
//
//   softmax  score[o] = exp(logit[o] − max) / Σ exp(logit − max)
//   sigmoid  score[o] = 1 / (1 + exp(−logit[o]))
//
//   logits  [image][stride] of f32, `classes` of them used
//   best    [image][top] of {index, score}, best first; equal scores in order of index
//   scores  [image][stride] of f32
//
// One workgroup per image. Dispatch: (images).

struct Params {
  classes: u32,
  stride: u32, // of logits and scores, in f32
  top: u32,
  activation: u32, // 0 softmax, 1 sigmoid, 2 none
}

struct Candidate {
  index: u32,
  score: f32,
}

const WORKGROUP = 64u;
const NONE = 0xffffffffu;

@group(0) @binding(0) var<storage, read> logits: array<f32>;
@group(0) @binding(1) var<storage, read_write> best: array<Candidate>;
@group(0) @binding(2) var<storage, read_write> scores: array<f32>;
@group(0) @binding(3) var<uniform> params: Params;

var<workgroup> partials: array<f32, 64>;
var<workgroup> candidates: array<Candidate, 64>;

/// The sum over the workgroup, in a tree; every invocation gets it.
fn reduceSum(lane: u32, value: f32) -> f32 {
  partials[lane] = value;
  workgroupBarrier();
  for (var half = WORKGROUP / 2u; half > 0u; half /= 2u) {
    if (lane < half) {
      partials[lane] += partials[lane + half];
    }
    workgroupBarrier();
  }
  let total = partials[0];
  workgroupBarrier();
  return total;
}

/// Whether `a` comes before `b` in the ranking.
fn before(a: Candidate, b: Candidate) -> bool {
  return b.index == NONE || (a.index != NONE && (a.score > b.score || (a.score == b.score && a.index < b.index)));
}

/// The first of the workgroup's candidates in the ranking; every invocation gets it.
fn reduceFirst(lane: u32, own: Candidate) -> Candidate {
  candidates[lane] = own;
  workgroupBarrier();
  for (var half = WORKGROUP / 2u; half > 0u; half /= 2u) {
    if (lane < half && before(candidates[lane + half], candidates[lane])) {
      candidates[lane] = candidates[lane + half];
    }
    workgroupBarrier();
  }
  let first = candidates[0];
  workgroupBarrier();
  return first;
}

/// The best logit among this lane's classes that rank behind `last`.
fn bestBehind(lane: u32, row: u32, last: Candidate) -> Candidate {
  var found = Candidate(NONE, 0.0);
  for (var o = lane; o < params.classes; o += WORKGROUP) {
    let candidate = Candidate(o, logits[row + o]);
    if ((last.index == NONE || before(last, candidate)) && before(candidate, found)) {
      found = candidate;
    }
  }
  return found;
}

fn scoreOf(logit: f32, largest: f32, total: f32) -> f32 {
  switch params.activation {
    case 0u: { return exp(logit - largest) / total; }
    case 1u: { return 1.0 / (1.0 + exp(-logit)); }
    default: { return logit; }
  }
}

@compute @workgroup_size(64)
fn main(@builtin(workgroup_id) group: vec3u, @builtin(local_invocation_index) lane: u32) {
  let row = group.x * params.stride;
  let none = Candidate(NONE, 0.0);
  let largest = reduceFirst(lane, bestBehind(lane, row, none)).score;

  var sum = 0.0;
  for (var o = lane; o < params.classes; o += WORKGROUP) {
    sum += exp(logits[row + o] - largest);
  }
  let total = reduceSum(lane, sum);
  for (var o = lane; o < params.classes; o += WORKGROUP) {
    let logit = logits[row + o];
    scores[row + o] = scoreOf(logit, largest, total);
  }

  var last = none;
  for (var k = 0u; k < params.top; k++) {
    last = reduceFirst(lane, bestBehind(lane, row, last));
    if (lane == 0u) {
      best[group.x * params.top + k] = Candidate(last.index, scoreOf(last.score, largest, total));
    }
  }
}
