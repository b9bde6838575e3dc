"""ResNet-50 and ResNet-50-IBN-a in PyTorch, saved as public checkpoints are, and their features.

Written from the papers (He et al. 2016; Pan et al. 2018) with the names of torchvision's and IBN-Net's
checkpoints; the stride of the last stage is 1, as in re-identification.  Weights are random: what is tested is
that a file of this form gives these features.

    python3 tests/oracle/pretrained_oracle.py --out DIR [--width 64 --blocks 3 4 6 3 --height 256 --wide 128]

leaves images.safetensors, and of each network, NAME.safetensors (features) and
    NAME-legacy.pth  the state_dict as PyTorch before 1.6 wrote it
    NAME-zip.pth     as it writes it now
    NAME-module.pth  of a model in DataParallel, under 'state_dict', beside epoch and optimiser
    NAME-fastreid.pth  under 'model' with 'backbone.' before the names, beside heads, optimiser and schedule
"""
import argparse
import collections

import torch
from safetensors.torch import save_file
from torch import nn


class InstanceBatchNorm(nn.Module):
    def __init__(self, channels):
        super().__init__()
        self.half = channels // 2
        self.IN = nn.InstanceNorm2d(self.half, affine=True)
        self.BN = nn.BatchNorm2d(channels - self.half)

    def forward(self, x):
        return torch.cat([self.IN(x[:, : self.half]), self.BN(x[:, self.half :])], 1)


class Bottleneck(nn.Module):
    def __init__(self, into, out, stride, ibn, project):
        super().__init__()
        mid = out // 4
        self.conv1 = nn.Conv2d(into, mid, 1, bias=False)
        self.bn1 = InstanceBatchNorm(mid) if ibn else nn.BatchNorm2d(mid)
        self.conv2 = nn.Conv2d(mid, mid, 3, stride, 1, bias=False)
        self.bn2 = nn.BatchNorm2d(mid)
        self.conv3 = nn.Conv2d(mid, out, 1, bias=False)
        self.bn3 = nn.BatchNorm2d(out)
        self.downsample = None
        if project:
            self.downsample = nn.Sequential(nn.Conv2d(into, out, 1, stride, bias=False), nn.BatchNorm2d(out))

    def forward(self, x):
        y = torch.relu(self.bn1(self.conv1(x)))
        y = torch.relu(self.bn2(self.conv2(y)))
        return torch.relu(self.bn3(self.conv3(y)) + (self.downsample(x) if self.downsample else x))


class Network(nn.Module):
    def __init__(self, ibn, width, blocks):
        super().__init__()
        self.conv1 = nn.Conv2d(3, width, 7, 2, 3, bias=False)
        self.bn1 = nn.BatchNorm2d(width)
        into = width
        for stage, count in enumerate(blocks):
            out, layers = 4 * width * 2**stage, []
            for b in range(count):
                stride = 2 if b == 0 and stage in (1, 2) else 1
                layers.append(Bottleneck(into, out, stride, ibn and stage < 3, b == 0))
                into = out
            setattr(self, f"layer{stage + 1}", nn.Sequential(*layers))
        self.fc = nn.Linear(into, 10)

    def forward(self, images):
        mean = torch.tensor([0.485, 0.456, 0.406])
        deviation = torch.tensor([0.229, 0.224, 0.225])
        x = ((images - mean) / deviation).permute(0, 3, 1, 2)
        x = torch.max_pool2d(torch.relu(self.bn1(self.conv1(x))), 3, 2, 1)
        for stage in range(4):
            x = getattr(self, f"layer{stage + 1}")(x)
        return x.mean((2, 3))


def randomise(network):
    for m in network.modules():
        if isinstance(m, nn.Conv2d):
            nn.init.kaiming_normal_(m.weight, mode="fan_out")
        if isinstance(m, (nn.BatchNorm2d, nn.InstanceNorm2d)):
            nn.init.uniform_(m.weight, 0.5, 1.5)
            nn.init.normal_(m.bias, 0, 0.2)
        if isinstance(m, nn.BatchNorm2d):
            nn.init.normal_(m.running_mean, 0, 0.2)
            nn.init.uniform_(m.running_var, 0.5, 2)
    return network.eval()


def renamed(state, prefix):
    return collections.OrderedDict((prefix + name, value) for name, value in state.items())


def save(network, path):
    state = network.state_dict()
    optimiser = torch.optim.SGD(network.parameters(), 0.1, momentum=0.9)
    for p in network.parameters():
        p.grad = torch.ones_like(p)
    optimiser.step()
    schedule = torch.optim.lr_scheduler.MultiStepLR(optimiser, [3, 4])
    torch.save(state, f"{path}-legacy.pth", _use_new_zipfile_serialization=False)
    torch.save(state, f"{path}-zip.pth")
    torch.save(
        {"epoch": 90, "arch": "resnet50", "state_dict": renamed(state, "module."), "best_prec1": torch.tensor(76.0),
         "optimizer": optimiser.state_dict()},
        f"{path}-module.pth",
        _use_new_zipfile_serialization=False,
    )
    body = renamed({n: v for n, v in state.items() if not n.startswith("fc.")}, "backbone.")
    body["heads.bottleneck.0.weight"] = torch.ones(4)
    body["pixel_mean"] = torch.zeros(1, 3, 1, 1)
    torch.save(
        {"model": body, "optimizer": optimiser.state_dict(), "scheduler": schedule.state_dict(), "iteration": 5},
        f"{path}-fastreid.pth",
    )


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--out", required=True)
    parser.add_argument("--width", type=int, default=16)
    parser.add_argument("--blocks", type=int, nargs=4, default=[2, 2, 2, 2])
    parser.add_argument("--height", type=int, default=64)
    parser.add_argument("--wide", type=int, default=32)
    o = parser.parse_args()
    torch.manual_seed(1)
    images = torch.rand(2, o.height, o.wide, 3)
    save_file({"images": images}, f"{o.out}/images.safetensors")
    for name, ibn in (("resnet", False), ("ibn", True)):
        network = randomise(Network(ibn, o.width, o.blocks))
        with torch.no_grad():
            # the optimiser's step in save() moves the weights that are saved
            save(network, f"{o.out}/{name}")
            save_file({"z": network(images).contiguous()}, f"{o.out}/{name}.safetensors")


main()
