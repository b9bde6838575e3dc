/* The structural elements of the model language: everything that is neither an op nor consumed by
 * elaboration (graph/language/elaborate.c owns model, param, let, include, template, for, group,
 * ...). */
#include "graph/ir/op.h"

#include <string.h>

#define NAME                                                                                       \
  { "name", ATTR_NAME, NULL, NULL, 0, 0, "name of the result" }
#define COUNT(A) (uint8_t)(sizeof(A) / sizeof((A)[0]))
#define ELEMENT(ID, NAME_, DOC, PARENTS, SCOPE, CHILDREN)                                          \
  static const ElementDesc ID = {NAME_,   DOC,   COUNT(ID##_attrs), ID##_attrs,                    \
                                 PARENTS, SCOPE, CHILDREN}

static const AttrDesc program_attrs[] = {
    {"name", ATTR_NAME, NULL, NULL, 0, 0, "name of the program, e.g. `step`, `step/NAME`"},
    {"held-out", ATTR_STRING, "", NULL, 0, 0, "training step: the domain held out by it"},
    {"kind", ATTR_ENUM, "other", "train evaluate extract other", 0, 0,
     "what the runtime uses it for"},
};
ELEMENT(program, "program", "A named program: inputs, passes, derivatives, commits, outputs.",
        "model", false, true);

static const AttrDesc pass_attrs[] = {
    {"name", ATTR_NAME, NULL, NULL, 0, 0,
     "prefix of the values' names; parameters do not carry it"},
    {"parameters", ATTR_NAME, "theta", NULL, 0, 0,
     "field that replaces the parameters in this pass"},
    {"groups", ATTR_INT, "1", NULL, 1, 1048576, "groups of the batch (domains)"},
    {"units", ATTR_INT, "0", NULL, 0, 1073741824,
     "units in each group (identities); 0: not declared"},
    {"unit", ATTR_INT, "1", NULL, 1, 1073741824, "rows in each unit (images of one identity)"},
};
ELEMENT(pass, "pass", "One run of a network: a scope whose name is not part of parameter names.",
        "program", true, true);

static const AttrDesc scope_attrs[] = {
    {"name", ATTR_NAME, NULL, NULL, 0, 0, "prefix of the names inside"},
};
ELEMENT(scope, "scope", "A naming scope; `NAME` alone refers to its value `out`.", "*", true, true);

static const AttrDesc input_attrs[] = {
    NAME,
    {"shape", ATTR_INTS, "", NULL, 0, 0, "dimensions; empty: a scalar"},
    {"dtype", ATTR_DTYPE, "float", NULL, 0, 0, "element type"},
};
ELEMENT(input, "input", "A value that the runtime or the user supplies.", "*", false, false);

static const AttrDesc random_attrs[] = {
    NAME,
    {"shape", ATTR_INTS, "", NULL, 0, 0, "dimensions"},
    {"distribution", ATTR_ENUM, "normal", "normal uniform", 0, 0, "N(0,1) or U(0,1)"},
};
ELEMENT(random, "random",
        "A random site: drawn anew each step as a function of seed, step and name.", "program",
        false, false);

static const AttrDesc parameter_attrs[] = {
    NAME,
    {"shape", ATTR_INTS, "", NULL, 0, 0, "dimensions: convolutions OIHW, linear layers (out, in)"},
    {"init", ATTR_ENUM, "constant", "constant normal uniform fuse", 0, 0, "initial distribution"},
    {"value", ATTR_FLOAT, "0", NULL, 0, 0,
     "constant: the value; normal: the mean; uniform: the low end"},
    {"spread", ATTR_FLOAT, "1", NULL, 0, 0, "normal: standard deviation; uniform: the high end"},
    {"site", ATTR_STRING, "", NULL, 0, 0, "random site of the initial draw; empty: the name"},
    {"trainable", ATTR_BOOL, "true", NULL, 0, 0, "false: read only (it can still be committed)"},
    {"rate", ATTR_FLOAT, "1", NULL, 0, 0, "own factor on the learning rate (field `rate`)"},
    {"decay", ATTR_FLOAT, "1", NULL, 0, 0, "own factor on the weight decay (field `decay`)"},
    {"external", ATTR_STRING, "", NULL, 0, 0, "name in pretrained weights"},
    {"noise", ATTR_FLOAT, "0", NULL, 0, 0,
     "pretrained: added noise, as a share of the tensor's std"},
};
ELEMENT(parameter, "parameter", "A trainable tensor, named by its scopes.", "*", false, false);

static const AttrDesc state_attrs[] = {
    NAME,
    {"shape", ATTR_INTS, "", NULL, 0, 0, "dimensions"},
    {"dtype", ATTR_DTYPE, "float", NULL, 0, 0, "element type"},
    {"value", ATTR_FLOAT, "0", NULL, 0, 0, "initial value"},
    {"kind", ATTR_ENUM, "statistic", "statistic optimiser", 0, 0,
     "the report counts them apart; `train --init` takes no `optimiser` states"},
    {"external", ATTR_STRING, "", NULL, 0, 0, "name in pretrained weights"},
};
ELEMENT(state, "state", "A tensor that outlives the step and is changed by a commit only.", "*",
        false, false);

static const AttrDesc state_field_attrs[] = {
    NAME,
    {"value", ATTR_FLOAT, "0", NULL, 0, 0, "initial value"},
};
ELEMENT(state_field, "state-field",
        "One state `NAME:PARAMETER` for each trainable parameter, of its shape.", "program", false,
        false);

static const AttrDesc alias_attrs[] = {
    NAME,
    {"value", ATTR_REF, NULL, NULL, 0, 0, "the value to be named"},
};
ELEMENT(alias, "alias", "Another name for a value; `out` is what the scope's own name refers to.",
        "*", false, false);

static const AttrDesc expr_attrs[] = {
    NAME,
    {"value", ATTR_EXPR, NULL, NULL, 0, 0, "the expression; shapes are broadcast as in numpy"},
};
ELEMENT(expr, "expr", "A tensor expression over values in scope.", "*", false, false);

static const AttrDesc field_attrs[] = {
    NAME,
    {"value", ATTR_EXPR, NULL, NULL, 0, 0, "expression over fields and scalars"},
};
ELEMENT(field, "field", "A field (one tensor for each trainable parameter) from other fields.",
        "program", false, false);

static const AttrDesc gradient_attrs[] = {
    NAME,
    {"of", ATTR_REF, NULL, NULL, 0, 0, "a scalar"},
    {"at", ATTR_NAME, "theta", NULL, 0, 0, "the field to differentiate by"},
    {"hold", ATTR_STRING, "", NULL, 0, 0, "fields that count as constants"},
    {"role", ATTR_ENUM, "outer", "inner outer", 0, 0, "for diagrams and statistics"},
};
ELEMENT(gradient, "gradient", "The field of derivatives of a scalar; reversal layers act in it.",
        "program", false, false);

static const AttrDesc pullback_attrs[] = {
    NAME,
    {"of", ATTR_NAME, NULL, NULL, 0, 0, "a field that depends on `at`"},
    {"cotangent", ATTR_NAME, NULL, NULL, 0, 0, "the field to be multiplied"},
    {"at", ATTR_NAME, "theta", NULL, 0, 0, "the field to differentiate by"},
    {"hold", ATTR_STRING, "", NULL, 0, 0, "fields that count as constants"},
    {"reversal", ATTR_ENUM, "identity", "identity reverse", 0, 0,
     "what a reversal layer of the forward graph does in this sweep"},
};
ELEMENT(pullback, "pullback", "The vector-Jacobian product (d of / d at)^T cotangent.", "program",
        false, false);

static const AttrDesc global_norm_attrs[] = {
    NAME,
    {"of", ATTR_NAME, NULL, NULL, 0, 0, "a field"},
};
ELEMENT(global_norm, "global-norm", "Euclidean norm over all tensors of a field.", "program", false,
        false);

static const AttrDesc commit_attrs[] = {
    {"state", ATTR_NAME, "", NULL, 0, 0, "the state, parameter or statistic to write"},
    {"field", ATTR_NAME, "", NULL, 0, 0, "`theta` or a state-field: written for every parameter"},
    {"value", ATTR_EXPR, NULL, NULL, 0, 0, "the new value: an expression over values or fields"},
};
ELEMENT(commit, "commit", "Writes a state at the end of the program, once.", "*", false, false);

static const AttrDesc output_attrs[] = {
    {"name", ATTR_NAME, "", NULL, 0, 0, "name to fetch it by; empty: the value's own"},
    {"value", ATTR_REF, NULL, NULL, 0, 0, "the value"},
};
ELEMENT(output, "output", "A value that `exec` always fetches; scalars are logged by `train`.", "*",
        false, false);

static const AttrDesc schedule_attrs[] = {
    {"name", ATTR_NAME, NULL, NULL, 0, 0, "the scalar input that it feeds"},
    {"value", ATTR_STRING, NULL, NULL, 0, 0,
     "scalar expression over step, total_steps, warmup_steps and earlier schedules, in f64"},
};
ELEMENT(schedule, "schedule", "What a scalar input is at a given step.", "model", false, false);

static const AttrDesc watch_attrs[] = {
    {"output", ATTR_NAME, NULL, NULL, 0, 0, "a scalar output of training"},
    {"above", ATTR_FLOAT, NULL, NULL, -1e30, 1e30, "training warns of larger values"},
    {"message", ATTR_STRING, "", NULL, 0, 0, "what such a value means"},
    {"hint", ATTR_STRING, "", NULL, 0, 0, "what to do about it"},
};
ELEMENT(watch, "watch", "A bound on a scalar output; what exceeds it is warned of in training.",
        "model", false, false);

static const AttrDesc training_attrs[] = {
    {"domains", ATTR_STRING, "", NULL, 0, 0, "names of the domains, in order"},
    {"ids", ATTR_INTS, "", NULL, 0, 0, "identities of each domain"},
    {"epochs", ATTR_INT, "120", NULL, 0, 1e9, "length of the schedule"},
    {"warmup-epochs", ATTR_INT, "10", NULL, 0, 1e9, "length of the warm-up"},
    {"steps", ATTR_INT, "0", NULL, 0, 1e12, "length in steps; 0: from epochs"},
    {"warmup-steps", ATTR_INT, "-1", NULL, -1, 1e12, "warm-up in steps; -1: from epochs"},
    {"choose", ATTR_ENUM, "only", "only uniform", 0, 0,
     "program of a step: the only one, or drawn uniformly by held-out domain"},
};
ELEMENT(training, "training", "What the runtime needs to train: domains and the schedule's length.",
        "model", false, false);

static const AttrDesc sampler_attrs[] = {
    {"kind", ATTR_ENUM, "identity", "identity shuffle", 0, 0,
     "identity: `batch-ids` x `batch-images`, identity-major; shuffle: rows in random order"},
    {"batch-ids", ATTR_INT, "1", NULL, 1, 1e9, "identities in a batch of one domain"},
    {"batch-images", ATTR_INT, "1", NULL, 1, 1e9, "images of each"},
};
ELEMENT(sampler, "sampler", "How a batch is drawn from each domain.", "model", false, false);

static const AttrDesc augment_attrs[] = {
    {"height", ATTR_INT, NULL, NULL, 1, 65536, "pixels"},
    {"width", ATTR_INT, NULL, NULL, 1, 65536, "pixels"},
    {"pad-crop", ATTR_INT, "0", NULL, 0, 1024, "pad by so many zeros, crop at random"},
    {"flip", ATTR_FLOAT, "0", NULL, 0, 1, "probability"},
    {"jitter", ATTR_FLOAT, "0", NULL, 0, 1, "probability"},
    {"brightness", ATTR_FLOAT, "0.15", NULL, 0, 1, "factor U[1-x, 1+x]"},
    {"contrast", ATTR_FLOAT, "0.15", NULL, 0, 1, "factor U[1-x, 1+x]"},
    {"saturation", ATTR_FLOAT, "0.1", NULL, 0, 1, "factor U[1-x, 1+x]"},
    {"hue", ATTR_FLOAT, "0.1", NULL, 0, 0.5, "turn U[-x, x]"},
    {"erase", ATTR_FLOAT, "0", NULL, 0, 1, "probability of random erasing"},
    {"erase-min", ATTR_FLOAT, "0.02", NULL, 0, 1, "smallest share of the area"},
    {"erase-max", ATTR_FLOAT, "0.33", NULL, 0, 1, "largest share of the area"},
    {"erase-aspect", ATTR_FLOAT, "0.3", NULL, 0.01, 1, "aspect ratio in [x, 1/x], by U[x, 1/x]"},
};
ELEMENT(augment, "augment", "How an image becomes a row of the batch.", "model", false, false);

const ElementDesc *const element_table[] = {
    &program,  &pass,  &scope,    &input,    &random,   &parameter,   &state,  &state_field,
    &alias,    &expr,  &field,    &gradient, &pullback, &global_norm, &commit, &output,
    &schedule, &watch, &training, &sampler,  &augment,  NULL,
};

const ElementDesc *element_find(const char *name) {
  for (size_t i = 0; element_table[i]; i++)
    if (strcmp(element_table[i]->name, name) == 0) return element_table[i];
  return NULL;
}
