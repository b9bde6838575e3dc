/* Event files as TensorBoard's own reader has them; skipped where that is not installed
 * ($TENSORBOARD_PYTHON names a Python that has it). test_pages reads them back without it. */
#include "tests/shell.h"

static const char *python(void) {
  const char *named = getenv("TENSORBOARD_PYTHON");
  return named ? named : "python3";
}

static void read_back(void) {
  support_write("line.xml", "<model name='line' xmlns='urn:graphc:model:1'>"
                            "<program name='step' kind='train'><random name='x' shape='32 1'/>"
                            "<parameter name='slope' shape='1'/>"
                            "<expr name='loss' value='mean(square(slope * x - 3 * x))'/>"
                            "<gradient name='G' of='loss'/>"
                            "<commit field='theta' value='theta - 0.1 * G'/><output value='loss'/>"
                            "</program><training steps='30' warmup-steps='0'/></model>");
  support_write("read.py",
                "import json, struct\n"
                "from tensorboard.backend.event_processing.event_accumulator import "
                "EventAccumulator\n"
                "a = EventAccumulator('run', size_guidance={'scalars': 0})\n"
                "a.Reload()\n"
                "lines = [json.loads(line) for line in open('run/metrics.jsonl')]\n"
                "single = lambda x: struct.unpack('f', struct.pack('f', x))[0]\n"
                "want = [(line['step'], single(line['loss'])) for line in lines]\n"
                "assert [(e.step, e.value) for e in a.Scalars('loss')] == want, a.Scalars('loss')\n"
                "assert [e.step for e in a.Scalars('time/seconds')] == list(range(30))\n"
                "walls = [e.wall_time for e in a.Scalars('loss')]\n"
                "assert walls == sorted(walls) and walls[0] > 1.6e9\n");
  shell_must("$GRAPHC line.xml && "
             "$GRAPHRUN train line.plan.xml --out=run --quiet --tensorboard --stop-at=20 && "
             "sleep 1.1 && "
             "$GRAPHRUN train line.plan.xml --out=run --quiet --tensorboard --resume && "
             "'%s' read.py",
             python());
}

int main(void) {
  Shell s =
      shell("'%s' -c 'import tensorboard.backend.event_processing.event_accumulator'", python());
  bool there = s.code == 0;
  shell_free(&s);
  if (!there) {
    printf("skipped: the reader of TensorBoard is not installed (pip install tensorboard; "
           "TENSORBOARD_PYTHON names the Python)\n");
    support_clean();
    return 77;
  }
  static const SupportTest tests[] = {{"TensorBoard reads what was written", read_back}};
  return support_run("tensorboard", tests, sizeof tests / sizeof *tests);
}
