/* graphrun's commands, and the table of them and their options. */
#include "tools/graphrun_rows.h"
#include "tools/version.h"

#include "runtime/device/find.h"

#include <build.inc>

#define DATA_TEXT                                                                                  \
  "DATA is a .csv manifest (path,pid,camera,domain,split), a folder in a layout that is known, "   \
  "or "                                                                                            \
  "a .domains file with lines NAME LAYOUT PATH [split=train|all]; graphrun check-data --layouts "  \
  "lists the layouts."

static const CommandRow commands[] = {
    {.name = "train",
     .bit = TRAIN,
     .noun = "plan",
     .operands = "PLAN",
     .least = 1,
     .most = 1,
     .files = OPTION_FILE,
     .must = "--out=DIR [--data=DATA]",
     .summary = "train a plan; DIR gets checkpoint.safetensors, report.html",
     .text = "Trains by the schedule in the plan. A run that was ended goes on with --resume, with "
             "the same bits as if it had not been.\n\n" DATA_TEXT,
     .examples = "  graphc models/cdvm_small.xml -D @my.defs\n"
                 "  graphrun train cdvm_small.plan.xml --data=DATA --out=run\n"},
    {.name = "eval",
     .bit = EVAL,
     .noun = "plan",
     .operands = "PLAN",
     .most = 1000,
     .files = OPTION_FILE,
     .must = "--weights=F --data=DATA, or --features=F",
     .summary = "mAP and CMC of queries against the gallery",
     .text = "Features are those of the plan's program 'evaluate', with the weights of a "
             "checkpoint.\n\n" DATA_TEXT,
     .examples = "  graphrun eval small.plan.xml --weights=run/checkpoint.safetensors "
                 "--data=TEST\n"
                 "  graphrun eval --baseline=color --data=TEST\n"
                 "  graphrun eval --visualize=sweep:V v1.json v2.json v4.json\n"
                 "  graphrun eval --features=test.safetensors\n"},
    {.name = "extract",
     .bit = EXTRACT,
     .noun = "plan",
     .operands = "PLAN",
     .least = 1,
     .most = 1,
     .files = OPTION_FILE,
     .must = "--weights=F --data=DATA|FOLDER -o F",
     .summary = "features of images, and of whom they are, as one file",
     .text = "F.safetensors has the tensor 'features', a row for each image, and in its metadata "
             "paths, identities, cameras and domains; graphrun eval --features reads it. F.npy has "
             "the rows alone, F.csv beside it the table of the images. Beside data sets any folder "
             "of images will do, and a single one.\n\n" DATA_TEXT,
     .examples = "  graphrun extract a.plan.xml --weights=F --data=TEST -o test.safetensors\n"
                 "  graphrun extract a.plan.xml --weights=F --data=pictures -o p.npy\n"},
    {.name = "search",
     .bit = SEARCH,
     .noun = "plan",
     .operands = "PLAN",
     .least = 1,
     .most = 1,
     .files = OPTION_FILE,
     .must = "--weights=F --gallery=DATA --query=IMAGE",
     .summary = "what of a gallery is nearest to images",
     .text =
         "Gallery and query are data sets, folders of images, single images or features of "
         "graphrun "
         "extract; of a data set its gallery and its queries, where it has any. Images of the "
         "query's identity and camera are left out, and the query itself. A query that is a file "
         "of the gallery's data set is who that says.\n\n" DATA_TEXT,
     .examples = "  graphrun search a.plan.xml --weights=F --gallery=TEST --query=a.jpg\n"
                 "  graphrun search a.plan.xml --weights=F --gallery=test.safetensors "
                 "--query=b\n"},
    {.name = "compare-images",
     .bit = COMPARE_IMAGES,
     .noun = "operand",
     .operands = "PLAN [A B]",
     .least = 1,
     .most = 3,
     .files = OPTION_FILE,
     .must = "--weights=F",
     .summary = "how far two images lie apart; the same person or not",
     .text =
         "A and B are image files. --calibrate takes the threshold from the pairs of images of two "
         "people in a labelled set, such that at most --fpr of them lie within; -o keeps it for "
         "--threshold.\n\n" DATA_TEXT,
     .examples = "  graphrun compare-images a.plan.xml --weights=F a.jpg b.jpg\n"
                 "  graphrun compare-images a.plan.xml --weights=F --calibrate=TEST -o t.json\n"
                 "  graphrun compare-images a.plan.xml --weights=F a.jpg b.jpg "
                 "--threshold=t.json\n"},
    {.name = "export",
     .bit = EXPORT,
     .noun = "plan",
     .operands = "PLAN",
     .least = 1,
     .most = 1,
     .files = OPTION_FILE,
     .must = "--weights=F -o model.onnx",
     .summary = "a network with its weights as an ONNX file",
     .text =
         "From images to the outputs of the plan's program 'evaluate', for any number of images "
         "at once. Resizing and what the model does to images are inside: the input is uint8 "
         "(n, height, width, 3) as decoded.",
     .examples = "  graphrun export a.plan.xml --weights=F -o a.onnx\n"},
    {.name = "exec",
     .bit = EXEC,
     .noun = "plan",
     .operands = "PLAN",
     .least = 1,
     .most = 1,
     .files = OPTION_FILE,
     .must = "--program=P -o F",
     .summary = "run a program once; F (.safetensors) gets its outputs and states",
     .text = "States start from the feed, else from the weights, else from their initialisers; F "
             "gets them as they are afterwards. Every input that the program reads must be fed, "
             "but `seed` and `step` are 0 without it.",
     .examples = "  graphrun exec a.plan.xml --program=step --feed=x.safetensors -o "
                 "y.safetensors\n"},
    {.name = "bench",
     .bit = BENCH,
     .noun = "plan",
     .operands = "PLAN",
     .least = 1,
     .most = 1,
     .files = OPTION_FILE,
     .summary = "time and memory of a program, each kernel, or an evaluation"},
    {.name = "info",
     .bit = INFO,
     .noun = "plan or file of weights",
     .operands = "PLAN|FILE",
     .least = 1,
     .most = 1,
     .files = OPTION_FILE,
     .summary = "what a plan, or a file of weights, holds",
     .text =
         "Of a file of weights (.safetensors, .pth): each tensor with its type, shape and hash. "
         "With --init, what `train` would take of F for the plan, as RUN/init.tsv has it.",
     .examples = "  graphrun info cdvm_small.plan.xml\n"
                 "  graphrun info resnet50_ibn_a.pth\n"
                 "  graphrun info cdvm.plan.xml --init=resnet50_ibn_a.pth\n"},
    {.name = "compare",
     .bit = COMPARE,
     .noun = "run",
     .operands = "RUN...",
     .least = 1,
     .most = 1000,
     .files = OPTION_FOLDER,
     .summary = "runs side by side: where they differ, evaluations, curves",
     .text = "A run is a folder of graphrun train --out. The table has what differs in the "
             "configurations, the evaluations while training, and means of the last steps.",
     .examples = "  graphrun compare run-a run-b\n"
                 "  graphrun compare runs/* --out=runs.html\n"},
    {.name = "study",
     .bit = STUDY,
     .noun = "study",
     .operands = "FILE",
     .least = 1,
     .most = 1,
     .files = OPTION_FILE,
     .must = "[--resume] [--out=DIR]",
     .summary = "a table: models x data x seeds, compiled, trained, evaluated",
     .text = "FILE (XML) names rows (models with values of -D), what they are trained on, and the "
             "tests. Each row, training and seed is a cell with a folder, DIR/cells/NAME. A "
             "study that was ended, at whatever moment, goes on with --resume. Cells that "
             "fail are told at the end. DIR gets the table as STUDY.md, .csv, .tex and .json.\n\n"
             "Several processes may share DIR, on one machine or many: each takes cells that "
             "no other has. In a Slurm array each task takes its part of the cells.",
     .examples = "  graphrun study models/studies/small.study --dry-run --data=my.domains\n"
                 "  graphrun study models/studies/small.study --resume --data=my.domains\n"},
    {.name = "check-data",
     .bit = CHECK_DATA,
     .noun = "data set",
     .operands = "DATA",
     .least = 1,
     .most = 1,
     .files = OPTION_FILE,
     .summary = "what a data set holds; lines for graphc -D @F",
     .text = DATA_TEXT,
     .examples = "  graphrun check-data DATA --defines > my.defs\n"},
    {.name = "synth",
     .bit = SYNTH,
     .noun = "folder",
     .operands = "DIR",
     .least = 1,
     .most = 1,
     .files = OPTION_FOLDER,
     .summary = "pedestrians drawn by the program: DIR/synth.domains",
     .text = "Writes a data set of several domains, which needs no download: JPEG files in DIR and "
             "the list of them that train, eval and check-data take."},
};

static void print_version(FILE *out) {
  char names[256], why[256];
  version_print(out, "graphrun", BUILD_RUNTIME_LIBRARIES);
  fprintf(out, "devices     %s%s\n", device_names(names, sizeof names),
          device_lacks(why, sizeof why));
}

static const OptionRow *const options[] = {graphrun_rows_use, graphrun_rows_study, graphrun_rows,
                                           NULL};

const ProgramTable graphrun_table = {
    .name = "graphrun",
    .summary = "runs the plans that graphc makes",
    .commands = commands,
    .n_commands = sizeof commands / sizeof *commands,
    .options = options,
    .also = "graphc(1)",
    .version = print_version,
};
