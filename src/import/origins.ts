/** Who writes the names of each scheme, for messages; apart from the schemes, which every page downloads. */
export const ORIGINS: ReadonlyMap<string, string> = new Map(
  Object.entries({
    torchvision: 'torchvision, timm, torchxrayvision; efficient_densenet (norm_final)',
    'torchvision-download': "torchvision's and Hugging Face's files of 2017",
    monai: 'MONAI',
    densenet3: 'DenseNet3: andreasveit, ODIN, DICE',
    'dense-trans': 'CIFAR code bases in the manner of kuangliu (which put new features first) and bamos',
    pytorchcv: 'pytorchcv, for ImageNet and CIFAR',
    keras: 'keras.applications, both generations; kernels already OIHW',
  }),
);
