/* Runs of several ranks through mpirun, as a user starts them: the same bytes for any number of
 * ranks, also when a run goes on with another number, and an end for all when one is lost. */
#include "tests/shell.h"

#include <jansson.h>

#define SIZES "-D width=8 -D height=32 -D image_width=16 -D batch_ids=4 -D batch_images=2"
#define LOCAL "$GRAPHRUN train l%d.xml --data=s/synth.domains --seed=3 --threads=1 --workers=1"
#define TRAIN "$GRAPHRUN train p%d.xml --data=s/synth.domains --seed=3 --threads=1 --workers=1"

static void prepare(void) {
  shell_must("$GRAPHRUN synth s --seed=1 --domains=3 --ids=8 --test-ids=2 --cameras=2 --images=2\n"
             "$GRAPHRUN check-data s/synth.domains --defines > d.defs\n"
             "for n in 1 2 4; do $GRAPHC $TOP/models/cdvm_small.xml -D @d.defs " SIZES
             " --ranks=$n -o p$n.xml || exit 1; done");
}

static void same_bytes(void) {
  prepare();
  shell_must(TRAIN " --steps=9 --out=one", 1);
  for (int ranks = 2; ranks <= 4; ranks *= 2) {
    shell_must(TRAIN " --steps=9 --out=r%d --ranks=%d", ranks, ranks, ranks);
    shell_must("cmp one/metrics.jsonl r%d/metrics.jsonl && cmp one/checkpoint.safetensors "
               "r%d/checkpoint.safetensors",
               ranks, ranks);
  }
}

/* A model that nothing can be shared of: every rank reads whole batches. */
static void whole_batches(void) {
  shell_must("$GRAPHRUN synth m --seed=1 --domains=1 --ids=12 --images=4\n$GRAPHRUN check-data "
             "m/synth.domains --defines > m.defs\nfor n in 1 2; do $GRAPHC "
             "$TOP/models/examples/mlp.xml -D @m.defs --ranks=$n -o m$n.xml && $GRAPHRUN train "
             "m$n.xml --data=m/synth.domains --steps=3 --out=mlp$n --ranks=$n --quiet || exit 1; "
             "done; cmp mlp1/checkpoint.safetensors mlp2/checkpoint.safetensors");
}

/* Ranks share the images of evaluations; the first chooses. */
static void evaluated(void) {
#define EVALUATED TRAIN " --steps=5 --eval-every=1 --keep=1 --select=best --out=ev%d"
  shell_must(EVALUATED, 1, 1);
  for (int ranks = 2; ranks <= 4; ranks *= 2) {
    shell_must(EVALUATED " --ranks=%d", ranks, ranks, ranks);
    shell_must("cd ev%d; for f in metrics.jsonl checkpoint.safetensors best.safetensors "
               "checkpoint-00000005.safetensors; do cmp $f ../ev1/$f || exit 1; done",
               ranks);
  }
  shell_must("grep -q '\"eval/mAP\":0' ev1/metrics.jsonl");
}

/* Two ranks, then four, then one. */
/* The ranks' clocks are their own: the first one's step is the trace, and the only one written. */
static void traced(void) {
  shell_must("$GRAPHRUN bench p2.xml --ranks=2 --threads=1 --steps=1 --trace=step.json | "
             "grep 'trace       step.json (of rank 0)'");
  json_t *root = json_load_file(support_path("step.json"), 0, NULL);
  CU_ASSERT_PTR_NOT_NULL_FATAL(root);
  CU_ASSERT(json_array_size(json_object_get(root, "traceEvents")) > 1000);
  json_decref(root);
}

static void another_number(void) {
  shell_must(TRAIN " --steps=9 --stop-at=3 --out=mix --ranks=2", 2);
  shell_must(TRAIN " --steps=9 --stop-at=6 --out=mix --ranks=4 --resume", 4);
  shell_must(TRAIN " --steps=9 --out=mix --resume", 1);
  shell_must("cmp one/metrics.jsonl mix/metrics.jsonl && cmp one/checkpoint.safetensors "
             "mix/checkpoint.safetensors");
}

/* Sends `signal` to rank 1 of a run that is under way; how the run ends is in `run.err`. */
#define LOSE_ONE                                                                                   \
  TRAIN                                                                                            \
  " --steps=4000 --checkpoint-every=5 --out=%s --ranks=2 --rank-timeout=3 2> run.err & "           \
  "job=$!; victim=; "                                                                              \
  "for i in $(seq 600); do [ -s %s/checkpoint.safetensors.prev ] && break; sleep 0.1; done; "      \
  "for p in /proc/[0-9]*; do "                                                                     \
  "tr '\\0' '\\n' < $p/cmdline 2>/dev/null | grep -qxe --out=%s || continue; "                     \
  "tr '\\0' '\\n' < $p/environ | grep -qx OMPI_COMM_WORLD_RANK=1 && victim=${p#/proc/}; "          \
  "done; [ -n \"$victim\" ] || exit 90; kill -%s $victim; "                                        \
  "for i in $(seq 100); do kill -0 $job 2>/dev/null || break; sleep 0.1; done; "                   \
  "kill -0 $job 2>/dev/null && exit 91; wait $job; code=$?; kill -9 $victim 2>/dev/null; "         \
  "cat run.err >&2; exit $code"

static void lose_one(const char *signal, const char *out, const char *says) {
  Shell s = shell(LOSE_ONE, 2, out, out, out, signal);
  CU_ASSERT(s.code != 0 && s.code != 90 && s.code != 91);
  CU_ASSERT_PTR_NOT_NULL(strstr(s.err, says));
  const char *error = strstr(s.err, "error: "); /* one, and so one culprit */
  CU_ASSERT(error && !strstr(error + 1, "error: "));
  if (s.code == 90 || s.code == 91 || !strstr(s.err, says))
    printf("\n%s: exit %d\n%s\n", signal, s.code, s.err);
  shell_free(&s);
  shell_must(TRAIN " --steps=4000 --stop-at=120 --out=%s --resume", 1, out);
}

/* What is lost is named, and the run goes on from its checkpoint with the bits it would have had.
 */
static void a_rank_is_lost(void) {
  shell_must(TRAIN " --steps=4000 --stop-at=120 --out=all", 1);
  lose_one("STOP", "stopped", "rank 1 did not come within 3 s");
  lose_one("KILL", "killed",
           "rank 1 of 2 was ended by signal 9 (Killed); rank 0 waited for it in step ");
  lose_one("TERM", "ended", "the checkpoint is written");
  shell_must("for d in stopped killed ended; do cmp all/checkpoint.safetensors "
             "$d/checkpoint.safetensors && cmp all/metrics.jsonl $d/metrics.jsonl || exit 1; done");
}

/* A starter that does not notice that a rank was killed, as OpenMPI's may not while ranks connect.
 */
static void starter_hangs(void) {
  static const char *const says[] = {"of 2 was ended by signal 9 (Killed)", NULL};
  shell_must("mkdir fake; cat > fake/mpirun <<'END'\n"
             "#!/bin/sh\n"
             "while [ \"${1##*/}\" != graphrun ]; do shift; done\n"
             "export OMPI_COMM_WORLD_RANK=1 OMPI_COMM_WORLD_SIZE=2\n"
             "\"$@\" & p=$!\n"
             "until grep -q graphrun-ranks /proc/$p/maps; do kill -0 $p || exit 99; done\n"
             "kill -9 $p\n"
             "exec sleep 60\n"
             "END\n"
             "chmod +x fake/mpirun");
  Shell s = shell("date +%%s > begin; PATH=$PWD/fake:$PATH " TRAIN " --steps=2 --out=x --ranks=2; "
                  "code=$?; [ $(($(date +%%s) - $(cat begin))) -le 10 ] || exit 98; exit $code",
                  2);
  CU_ASSERT_TRUE(shell_says("a starter that hangs", s, 4, 1, says));
}

/* A signal to the program that the user started: the ranks end after a step, as one process does.
 * Slurm's may come more than once. */
static void interrupt(const char *kill, const char *out) {
  Shell s = shell(
      TRAIN " --steps=4000 --checkpoint-every=5 --out=%s --ranks=2 & job=$!; "
            "for i in $(seq 600); do [ -s %s/checkpoint.safetensors.prev ] && break; sleep 0.1; "
            "done; %s; wait $job",
      2, out, out, kill);
  CU_ASSERT_EQUAL(s.code, 4);
  CU_ASSERT_PTR_NOT_NULL(strstr(s.err, "stopped by a signal after"));
  CU_ASSERT_PTR_NULL(strstr(s.err, "rank 1"));
  if (s.code != 4) printf("\nexit %d\n%s\n", s.code, s.err);
  shell_free(&s);
  shell_must(TRAIN " --steps=4000 --stop-at=120 --out=%s --resume && "
                   "cmp all/checkpoint.safetensors %s/checkpoint.safetensors",
             1, out, out);
}

static void interrupted(void) {
  interrupt("kill -TERM $job", "int");
  interrupt("kill -USR1 $job; kill -USR1 $job; sleep 0.1; kill -USR1 $job", "usr");
}

/* Before the ranks listen, as soon as there is an mpirun: it is handed on when they do. */
static void interrupted_early(void) {
  static const char *const says[] = {
      "early/checkpoint.safetensors: error: stopped by a signal after", NULL};
  CU_ASSERT(shell_says("early",
                       shell(TRAIN " --steps=4000 --out=early --ranks=2 & job=$!; "
                                   "until grep -q . /proc/$job/task/$job/children; do :; done; "
                                   "kill -USR1 $job; wait $job",
                             2),
                       4, 1, says));
  static const char *const ended[] = {"--ranks: error: signal 15 (Terminated) ended the ranks",
                                      NULL};
  CU_ASSERT(shell_says("an evaluation",
                       shell("$GRAPHRUN eval p2.xml --weights=one/checkpoint.safetensors "
                             "--data=s/synth.domains --ranks=2 & job=$!; "
                             "until grep -q . /proc/$job/task/$job/children; do :; done; "
                             "kill -TERM $job; wait $job"),
                       4, 1, ended));
}

/* The whole run stands still for longer than ranks wait for each other, as on a machine that
 * sleeps, and goes on. */
static void suspended(void) {
  static const char *const says[] = {"checkpoint.safetensors: error: stopped by a signal after",
                                     NULL};
  CU_ASSERT(shell_says(
      "suspended",
      shell(TRAIN
            " --steps=4000 --out=slept --ranks=2 --rank-timeout=2 --quiet & job=$!; "
            "for i in $(seq 600); do [ -s slept/metrics.jsonl ] && break; sleep 0.1; done; "
            "starter=$(cat /proc/$job/task/$job/children); "
            "ranks=$(cat /proc/${starter%%%% *}/task/*/children); kill -STOP $ranks; sleep 3; "
            "kill -CONT $ranks; sleep 1; kill -TERM $job; wait $job",
            2),
      4, 1, says));
}

/* What several ranks find wrong in the same step, without having met, is told once. */
static void alike(void) {
  static const char *const says[] = {"far: error: step 0, kernel ",
                                     "gather 'all/bad' (far.xml:9): ", "is outside 0..1",
                                     "hint: do the data fit the plan?", NULL};
  shell_must(
      "cat > far.xml <<'END'\n"
      "<model name='far' xmlns='urn:graphc:model:1'>\n"
      "<program name='far' kind='train'>\n"
      "<input name='images' shape='1 4 32 16 3'/><input name='labels' shape='1 4' dtype='i32'/>\n"
      "<pass name='all' units='4' unit='1'><reshape name='rows' in='images' shape='4 1536'/>\n"
      "<reshape name='ids' in='labels' shape='4'/>\n"
      "<parameter name='table' shape='2 4'/>\n"
      "<sum name='sums' in='rows' axes='1'/><expr name='where' value='7 + 0 * sums'/>\n"
      "<cast name='at' in='where' dtype='i32'/>\n"
      "<gather name='bad' in='table' index='at'/>\n"
      "<expr name='loss' value='mean(bad)'/></pass>\n"
      "<gradient name='G' of='all/loss'/><output value='all/loss'/></program>\n"
      "<training domains='station' ids='12' steps='3' warmup-steps='0'/>\n"
      "<sampler batch-ids='4' batch-images='1'/><augment height='32' width='16'/></model>\n"
      "END\n"
      "$GRAPHC far.xml --ranks=4 -o far.plan.xml");
  CU_ASSERT(shell_says("an index",
                       shell("$GRAPHRUN train far.plan.xml --out=far "
                             "--ranks=4 --quiet"),
                       1, 1, says));
}

/* Tasks of srun that Slurm gives no PMI: each would do all of the work, into one folder. */
static void no_pmi(void) {
  static const char *const apart[] = {"srun started 2 processes, and none of them knows the others",
                                      "hint: srun --mpi=pmix", NULL};
  static const char *const world[] = {"2 processes were started, and MPI connects none of them",
                                      "hint: srun --mpi=pmix", NULL};
  static const char *const none[] = {NULL};
#define TASK(N) "SLURM_STEP_NUM_TASKS=2 SLURM_PROCID=" #N " "
  CU_ASSERT(shell_says("no PMI", shell(TASK(0) TRAIN " --out=x", 2), 4, 1, apart));
  CU_ASSERT(shell_says("no PMI, the other", shell(TASK(1) TRAIN " --out=x", 2), 4, 0, none));
  CU_ASSERT(shell_says("--ranks", shell(TASK(0) TRAIN " --out=x --ranks=2", 2), 4, 1, apart));
  CU_ASSERT(
      shell_says("another PMI", shell("PMI_RANK=0 PMI_SIZE=2 " TRAIN " --out=x", 2), 4, 1, world));
  shell_must(TASK(1) TRAIN " --steps=2 --out=own",
             1); /* runs that have nothing to do with each other */
}

/* Ranks share the images of an evaluation, whatever number the plan is for; more ranks than images
 * is no fault; what cannot be read is named once. */
static void evaluation(void) {
  static const char *const bad[] = {"the image", "--bad-images=skip", NULL};
  for (int ranks = 1; ranks <= 3; ranks++)
    shell_must("$GRAPHRUN eval p2.xml --weights=one/checkpoint.safetensors --data=s/synth.domains "
               "--threads=1 --ranks=%d --out=e%d.json > e%d.txt",
               ranks, ranks, ranks);
  shell_must("for n in 2 3; do cmp e1.txt e$n.txt && cmp e1.json e$n.json || exit 1; done");
  shell_must("$GRAPHRUN eval --baseline=color --data=s/synth.domains > c1.txt && "
             "$GRAPHRUN eval --baseline=color --data=s/synth.domains --ranks=4 > c4.txt && "
             "cmp c1.txt c4.txt");
  shell_must(
      "for n in 1 3; do $GRAPHRUN eval --baseline=color --data=s/synth.domains --ranks=$n --roc "
      "--rerank=5,2,0.3 --out=r$n.json > r$n.txt || exit 1; done; cmp r1.txt r3.txt && cmp "
      "r1.json r3.json");
  shell_must(
      "cp -r s broken && find broken -path '*query*' -name '*.jpg' | sort | head -1 > which && "
      "[ -s which ] && echo no picture > $(cat which)");
  CU_ASSERT_TRUE(shell_says("a bad image",
                            shell("$GRAPHRUN eval p2.xml --weights=one/checkpoint.safetensors "
                                  "--data=broken/synth.domains --ranks=2"),
                            1, 1, bad));
}

/* Each rank by itself, and gradients averaged: with one rank nothing else; resumed with the same
 * bytes; no other number of ranks, nor the whole batch, goes on with it. */
static void local_shares(void) {
  static const char *const ranks[] = {"its sync is local, 2 ranks, of this run local, 4 ranks",
                                      "hint: compile with --sync=local and as many --ranks", NULL};
  static const char *const whole[] = {"its sync is local, 2 ranks, of this run global", NULL};
  static const char *const none[] = {"its sync is global, of this run local, 2 ranks",
                                     "hint: compile without --sync=local", NULL};
  shell_must("for n in 1 2 4; do $GRAPHC $TOP/models/cdvm_small.xml -D @d.defs " SIZES
             " --sync=local --ranks=$n -o l$n.xml || exit 1; done; cmp l1.xml p1.xml");
  shell_must(LOCAL " --steps=6 --out=shares --ranks=2", 2);
  shell_must(LOCAL " --steps=6 --stop-at=3 --out=halves --ranks=2", 2);
  CU_ASSERT_TRUE(shell_says(
      "other ranks", shell(LOCAL " --steps=6 --out=halves --ranks=4 --resume", 4), 1, 1, ranks));
  CU_ASSERT_TRUE(shell_says("the whole batch", shell(TRAIN " --steps=6 --out=halves --resume", 1),
                            1, 1, whole));
  shell_must(LOCAL " --steps=6 --out=halves --ranks=2 --resume", 2);
  shell_must("cmp shares/metrics.jsonl halves/metrics.jsonl && cmp shares/checkpoint.safetensors "
             "halves/checkpoint.safetensors");
  shell_must(TRAIN " --steps=6 --stop-at=3 --out=begun", 1);
  shell_must("head -n 3 shares/metrics.jsonl >shares.three\n"
             "test $(wc -l <begun/metrics.jsonl) = 3; ! cmp -s begun/metrics.jsonl shares.three");
  CU_ASSERT_TRUE(shell_says(
      "a share of it", shell(LOCAL " --steps=6 --out=begun --ranks=2 --resume", 2), 1, 1, none));
}

/* On a device whose steps overlap, and collectives with them: its own account finds nothing wrong,
 * and two ranks and four write the same bytes. */
static void on_streams(void) {
  shell_must("for n in 2 4; do $GRAPHC $TOP/models/cdvm_small.xml -D @d.defs " SIZES
             " --ranks=$n \"--target=$TOY\" -o t$n.xml && "
             "[ $(grep -A1 '^<waits>' t$n.xml | grep -c '^[0-9]') -ge 3 ] && "
             "$GRAPHRUN train t$n.xml --data=s/synth.domains --seed=3 --workers=1 --steps=3 "
             "\"--device=$TOY\" --ranks=$n --out=t$n 2> t$n.err && ! grep FAULT t$n.err || exit 1; "
             "done; cmp t2/metrics.jsonl t4/metrics.jsonl && "
             "cmp t2/checkpoint.safetensors t4/checkpoint.safetensors");
}

/* Each failure is told once. */
static void failures(void) {
  static const char *const none[] = {NULL};
  static const char *const no_plan[] = {"no.xml", NULL};
  static const char *const ranks[] = {"the plan is for 4 ranks, there are 2",
                                      "hint: graphc --ranks=2 compiles for as many", NULL};
  static const char *const alone[] = {"is for 2 ranks, and this process runs alone",
                                      "hint: --ranks=2 starts as many", NULL};
  static const char *const odd[] = {"3 ranks cannot share batches of 4 identities in 4 shards",
                                    "1, 2, 4 can",
                                    "hint: each rank takes as many identities: 3 ranks share "
                                    "batches of 6, with --shards=3",
                                    NULL};
  static const char *const eight[] = {"8 ranks cannot share batches of 8 identities in 4 shards",
                                      "hint: --shards=8 lets 8 ranks share them", NULL};
  static const char *const three[] = {"2 ranks cannot share batches of 3 identities in 4 shards at "
                                      "most; 1 can",
                                      "batches of 4, with --shards=4", NULL};
  static const char *const sampler[] = {
      "bare.xml:27:5: error: 2 ranks: the model has no <sampler>, by which they would share the "
      "images that program 'step' takes here",
      "hint: <sampler batch-ids", NULL};
  static const char *const images[] = {
      "sine.xml:11:7: error: 2 ranks: the model trains on no images",
      "program 'step' draws 'amplitude' here", NULL};
  static const char *const used[] = {"the folder holds a run already", NULL};
  CU_ASSERT_TRUE(
      shell_says("no plan", shell("$GRAPHRUN train no.xml --out=x --ranks=2"), 1, 1, no_plan));
  CU_ASSERT_TRUE(
      shell_says("other ranks", shell(TRAIN " --steps=2 --out=x --ranks=2", 4), 1, 1, ranks));
  CU_ASSERT_TRUE(shell_says(
      "no device", shell(TRAIN " --steps=2 --out=x --ranks=2 --device=cuda", 2), 4, 1, none));
  CU_ASSERT_TRUE(
      shell_says("no device, by mpirun",
                 shell("root=; [ $(id -u) != 0 ] || root=--allow-run-as-root; mpirun -q $root "
                       "--oversubscribe -n 2 " TRAIN " --steps=2 --out=x --device=cuda",
                       2),
                 4, 1, none));
  static const char *const mistake[] = {"--keep is a number of checkpoints", NULL};
  CU_ASSERT_TRUE(shell_says(
      "a mistake, by mpirun",
      shell("root=; [ $(id -u) != 0 ] || root=--allow-run-as-root; mpirun -q $root --oversubscribe "
            "-n 2 $GRAPHRUN train p2.xml --keep=some --out=x"),
      2, 1, mistake));
  Shell gpus = shell(TRAIN " --steps=2 --out=x --ranks=2 --device=cuda:0,1,2", 2);
  const int code = strstr(gpus.err, "is for 3 processes, --ranks=2") ? 2 : 4; /* or no plug-in */
  CU_ASSERT_TRUE(shell_says("GPUs and ranks", gpus, code, 1, none));
  static const char *const install[] = {"cannot start mpirun", "hint: install OpenMPI", NULL};
  CU_ASSERT_TRUE(shell_says(
      "no mpirun", shell("PATH=/none " TRAIN " --steps=2 --out=x --ranks=2", 2), 4, 1, install));
  CU_ASSERT_TRUE(shell_says("alone", shell(TRAIN " --steps=2 --out=x", 2), 1, 1, alone));
  CU_ASSERT_TRUE(shell_says("used", shell(TRAIN " --steps=9 --out=one --ranks=2", 2), 1, 1, used));
  CU_ASSERT_TRUE(shell_says(
      "odd", shell("$GRAPHC $TOP/models/cdvm_small.xml -D @d.defs " SIZES " --ranks=3 -o x.xml"), 1,
      1, odd));
  CU_ASSERT_TRUE(shell_says("eight",
                            shell("$GRAPHC $TOP/models/cdvm_small.xml -D @d.defs " SIZES
                                  " -D batch_ids=8 --ranks=8 -o x.xml"),
                            1, 1, eight));
  CU_ASSERT_TRUE(shell_says("three",
                            shell("$GRAPHC $TOP/models/cdvm_small.xml -D @d.defs " SIZES
                                  " -D batch_ids=3 --ranks=2 -o x.xml"),
                            1, 1, three));
  shell_must(
      "grep -v '<sampler' $TOP/models/examples/mlp.xml | sed 's#\\.\\./lib#lib#' > bare.xml");
  CU_ASSERT_TRUE(shell_says(
      "no sampler", shell("$GRAPHC bare.xml -I $TOP/models --ranks=2 -o x.xml"), 1, 1, sampler));
  CU_ASSERT_TRUE(shell_says("no images",
                            shell("$GRAPHC $TOP/models/examples/maml.xml --ranks=2 -o x.xml"), 1, 1,
                            images));
  CU_ASSERT_TRUE(shell_says("nothing left", shell("test ! -e x"), 0, 0, none));
}

int main(void) {
  static const SupportTest tests[] = {{"same bytes", same_bytes},
                                      {"whole batches", whole_batches},
                                      {"evaluated while training", evaluated},
                                      {"traced", traced},
                                      {"another number of ranks", another_number},
                                      {"a rank is lost", a_rank_is_lost},
                                      {"interrupted", interrupted},
                                      {"interrupted early", interrupted_early},
                                      {"suspended", suspended},
                                      {"found alike", alike},
                                      {"no PMI", no_pmi},
                                      {"evaluation", evaluation},
                                      {"local shares", local_shares},
                                      {"on streams", on_streams},
                                      {"a starter that hangs", starter_hangs},
                                      {"failures", failures}};
  return support_run("mpi", tests, sizeof tests / sizeof *tests);
}
